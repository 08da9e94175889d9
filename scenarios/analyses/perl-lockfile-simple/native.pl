# Four processes add one to a number under the lock, until an addition is lost.
use strict;
use warnings;
use LockFile::Simple;
use Time::HiRes qw(usleep);

$SIG{__WARN__} = sub { };
my $manager = LockFile::Simple->make(-delay => 1, -max => 1000);
my $began = time;
while (time < $began + 240) {
	open my $out, '>', 'counter' or die;
	my $done = 0;
	my @pids = map {
		my $pid = fork;
		if (!$pid) {
			$manager->lock('the') or die;
			my $size = -s 'counter';
			usleep 1000;
			open my $out, '>>', 'counter' or die;
			syswrite $out, 'x' if $size == -s 'counter';
			exec 'sh', '-c', 'exit 3' if $size + 1 != -s 'counter';
			$manager->unlock('the');
			exit 0;
		}
		$pid;
	} 1 .. 4;
	for (@pids) { waitpid $_, 0; $done = 1 if $? >> 8 == 3 }
	unlink 'the.lock';
	if ($done) { print "two processes held the lock at once\n"; exit 0 }
}
die 'never two at once';
