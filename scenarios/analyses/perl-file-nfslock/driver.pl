# File::NFSLock.
use strict;
use warnings;
use File::NFSLock;
use Fcntl qw(LOCK_EX);
use lib '../common';
use Locks;

my $lock;
Locks::main(sub { $lock = File::NFSLock->new('the', LOCK_EX) or die }, sub { $lock->unlock });
