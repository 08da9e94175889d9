# What every lock of Perl is asked: a driver calls Locks::main with how it is taken and given back.
package Locks;
use strict;
use warnings;

sub children {
	my @pids;
	for my $body (@_) {
		my $pid = fork;
		if (!$pid) {
			$body->();
			require POSIX;
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	return map { waitpid $_, 0; $? } @pids;
}

sub main {
	my ($take, $give) = @_;
	if ($ARGV[0] eq 'exclusion') {
		open my $counter, '+>', 'counter' or die;
		my $worker = sub {
			$take->();
			sysseek $counter, 0, 0;
			sysread $counter, my $n, 8;
			open my $out, '+<', 'counter' or die;
			syswrite $out, ($n || 0) + 1;
			$give->();
		};
		my @ends = children($worker, $worker);
		die "a worker failed: @ends" if grep { $_ } @ends;
		open my $in, '<', 'counter' or die;
		die 'two processes held the lock at once' unless <$in> == 2;
	} else {
		my $body = sub { $take->(); $give->() };
		my @ends = children($body, $body);
		die 'the survivor failed' if $ends[1];
	}
}

1;
