# Cache::Memcached's operations. Arguments: host:port. Ends with OK.
use strict;
use warnings;
use Cache::Memcached;

my ($server) = @ARGV;
my $m = Cache::Memcached->new({servers => [$server], compress_threshold => 10_000, debug => 0});

sub same {
    my ($expected, $got, $what) = @_;
    $got = 'undef' unless defined $got;
    return if $expected eq $got;
    print "FAILED: $what; expected $expected, got $got\n";
    exit 1;
}

$m->flush_all;
same(1, $m->set('a', 'one'), 'set');
same('one', $m->get('a'), 'get');
same('undef', $m->get('missing'), 'get of a missing key');
same(0, $m->add('a', 'two') || 0, 'add of a present key');
same(1, $m->add('b', '2'), 'add');
same(1, $m->replace('b', '3'), 'replace');
same(1, $m->append('b', '4'), 'append');
same(1, $m->prepend('b', '2'), 'prepend');
same('234', $m->get('b'), 'value after append and prepend');
same(1, $m->set('object', {list => [1, 2, 3]}), 'set of a structure');
same(3, scalar @{$m->get('object')->{list}}, 'that structure again');
my $text = 'x' x 200_000;
same(1, $m->set('compressed', $text), 'set of a compressed value');
same($text, $m->get('compressed'), 'that value again');
$m->set("key$_", $_) for 1 .. 200;
my $many = $m->get_multi(map { "key$_" } 1 .. 201);
same(200, scalar keys %$many, 'get_multi');
same(77, $many->{key77}, 'one of get_multi');
same(1, $m->set('n', 10), 'set of a number');
same(15, $m->incr('n', 5), 'incr');
same(14, $m->decr('n'), 'decr');
same(1, $m->delete('n'), 'delete');
same('undef', $m->get('n'), 'get of a deleted key');
same(1, $m->set('gone', 1, 1), 'set with an expiry');
my $stats = $m->stats(['misc', 'malloc', 'self']);
same(1, $stats->{hosts}{$server}{misc}{curr_items} > 200 ? 1 : 0, 'stats misc');
$m->disconnect_all;
print "OK\n";
