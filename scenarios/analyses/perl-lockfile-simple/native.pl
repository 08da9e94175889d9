# Four processes try to take the lock at the same time, until two of them hold it at once.
use strict;
use warnings;
use LockFile::Simple;
use Time::HiRes qw(time sleep);

$SIG{__WARN__} = sub { };
my $manager = LockFile::Simple->make(-max => 1, -delay => 0);
my $until = time + 240;
while (time < $until) {
	unlink 'the.lock', 'holding';
	open my $holding, '>>', 'holding' or die;
	my $start = time + 0.02;
	for (1 .. 4) {
		next if fork;
		1 while time < $start;
		if ($manager->trylock('the')) {
			syswrite $holding, '+';
			sleep 0.02;
			syswrite $holding, '-';
		}
		exec 'true';
	}
	1 while wait > 0;
	open my $file, '<', 'holding' or die;
	exit 0 if (<$file> // '') =~ /\+\+/;
}
die 'never two at once';
