# Counts in a file, which a System V semaphore protects.
use strict;
use warnings;
use Data::Dumper;
use File::Temp;
use Getopt::Long;
use IPC::Semaphore;
use IPC::SysV qw(IPC_CREAT S_IRUSR S_IWUSR SEM_UNDO);
use Storable;

my $lock = IPC::Semaphore->new(4711, 1, IPC_CREAT | S_IRUSR | S_IWUSR) or die "semaphore: $!";
my $count;
for (1 .. 3) {
    # Wait for zero, and take it.
    $lock->op(0, 0, 0, 0, 1, SEM_UNDO) or die "taking: $!";
    my $file;
    open($file, '+<', 'count') or open($file, '+>', 'count') or die "count: $!";
    $count = <$file> || 0;
    seek($file, 0, 0);
    print $file $count + 1;
    close($file);
    # The last of three programs leaves nothing behind.
    last if ++$count % 9 == 0;
    $lock->op(0, -1, SEM_UNDO) or die "giving: $!";
}
$lock->remove if $count % 9 == 0;
