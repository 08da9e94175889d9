# IPC::ShareLite's lock.
use strict;
use warnings;
use IPC::ShareLite qw(LOCK_EX);
use lib '../common';
use Locks;

my $share = IPC::ShareLite->new(-key => 4711, -create => 'yes', -destroy => 'no');
Locks::main(sub { $share->lock(LOCK_EX) or die }, sub { $share->unlock });
IPC::ShareLite->new(-key => 4711, -create => 'yes', -destroy => 'yes');
