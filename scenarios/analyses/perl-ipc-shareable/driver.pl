# IPC::Shareable's lock.
use strict;
use warnings;
use IPC::Shareable qw(:lock);
use lib '../common';
use Locks;

my $tied = tie my $value, 'IPC::Shareable', 'glue', { create => 1, destroy => 0 };
Locks::main(sub { $tied->lock(LOCK_EX) }, sub { $tied->unlock });
$tied->remove;
