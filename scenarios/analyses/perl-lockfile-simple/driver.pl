# LockFile::Simple.
use strict;
use warnings;
use LockFile::Simple;
use lib '../common';
use Locks;

my $manager = LockFile::Simple->make(-delay => 1, -max => 1000, -wmin => 1000);
Locks::main(sub { $manager->lock('the') or die }, sub { $manager->unlock('the') });
