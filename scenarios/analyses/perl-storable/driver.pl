# Storable's lock_store and lock_retrieve.
use strict;
use warnings;
use Storable qw(lock_store lock_retrieve);

my ($mode) = @ARGV;
my @long = (1) x 3000;
lock_store({ n => 1, list => [@long] }, "data");
my @pids;
for my $n (2, 3) {
	my $pid = fork;
	if (!$pid) { lock_store({ n => $n, list => [@long] }, "data"); exit 0 }
	push @pids, $pid;
}
my $reader = fork;
if (!$reader) {
	my $data = eval { lock_retrieve("data") };
	die "unreadable: $@" unless $data;
	die "half" unless @{ $data->{list} } == 3000;
	exit 0;
}
waitpid $_, 0 for @pids;
waitpid $reader, 0;
die "the reader failed" if $?;
