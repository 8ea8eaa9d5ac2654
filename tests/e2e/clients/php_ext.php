<?php
// php-memcached's operations. Arguments: host, port, "text" or "binary". Ends with OK.
require __DIR__ . '/harness.inc.php';
[, $host, $port, $protocol] = $argv;

$m = new Memcached();
$m->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol === 'binary');
$m->addServer($host, (int)$port);
check($m->flush(), 'flush', $m->getResultMessage());

check($m->set('a', 'one', 100), 'set');
same('one', $m->get('a'), 'get');
same(false, $m->add('a', 'two'), 'add of a present key');
same(Memcached::RES_NOTSTORED, $protocol === 'binary' && $m->getResultCode() === Memcached::RES_DATA_EXISTS
    ? Memcached::RES_NOTSTORED : $m->getResultCode(), 'result of that add');
check($m->add('b', '2'), 'add');
check($m->replace('b', '3'), 'replace');
same(false, $m->replace('missing', 'x'), 'replace of a missing key');
$m->setOption(Memcached::OPT_COMPRESSION, false);
check($m->append('b', '4') && $m->prepend('b', '2'), 'append and prepend', $m->getResultMessage());
same('234', $m->get('b'), 'value after append and prepend');

$values = [];
for ($i = 0; $i < 300; $i++) {
    $values["key$i"] = ['number' => $i, 'text' => str_repeat('x', $i)];
}
check($m->setMulti($values), 'setMulti', $m->getResultMessage());
same($values, $m->getMulti(array_keys($values)), 'getMulti');

check($m->set('n', 10), 'set of an integer');
same(15, $m->increment('n', 5), 'increment');
same(14, $m->decrement('n'), 'decrement');
if ($protocol === 'binary') {
    same(7, $m->increment('fresh', 1, 7, 100), 'increment with an initial value');
    same(8, $m->increment('fresh', 1, 7, 100), 'increment of what that made');
}

$extended = $m->get('a', null, Memcached::GET_EXTENDED);
check($extended['cas'] > 0, 'cas unique', $extended);
check($m->cas($extended['cas'], 'a', 'two'), 'cas', $m->getResultMessage());
same(false, $m->cas($extended['cas'], 'a', 'three'), 'cas with an old unique');
same(Memcached::RES_DATA_EXISTS, $m->getResultCode(), 'result of that cas');

check($m->touch('a', 200), 'touch', $m->getResultMessage());
check($m->delete('a'), 'delete');
same(false, $m->delete('a'), 'second delete');
same(Memcached::RES_NOTFOUND, $m->getResultCode(), 'result of that delete');
same(['b' => true, 'missing' => Memcached::RES_NOTFOUND], $m->deleteMulti(['b', 'missing']), 'deleteMulti');

$m->getDelayed(['key1', 'key2'], true);
$rows = $m->fetchAll();
same(2, count($rows), 'getDelayed and fetchAll');

$server = "$host:$port";
check(preg_match('/^1\.6\.\d+$/', $m->getVersion()[$server]) === 1, 'version', $m->getVersion());
$stats = $m->getStats();
check($stats[$server]['curr_items'] >= 300, 'stats', $stats);
if ($protocol === 'text') {
    check(is_array($m->getAllKeys()), 'getAllKeys', $m->getResultMessage());
}
check($m->set('big', str_repeat('0123456789', 100000)), 'a value of 1 MB', $m->getResultMessage());
same(1000000, strlen($m->get('big')), 'that value again');
$m->quit();
echo "OK\n";
