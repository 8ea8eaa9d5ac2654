<?php
// One request of a PHP application with sessions in memcached. Arguments: session id, action [value].
//   write v   stores v           read      prints what is stored      hold   keeps the lock until stdin ends
//   add       counter = counter + 1 under the session's lock          destroy
require __DIR__ . '/harness.inc.php';
[, $id, $action] = $argv;
ini_set('session.use_cookies', '0');
session_cache_limiter('');
session_id($id);
check(session_start(), 'session_start');
switch ($action) {
    case 'write':
        $_SESSION['value'] = $argv[3];
        break;
    case 'read':
        echo $_SESSION['value'] ?? 'nothing', "\n";
        break;
    case 'hold':
        echo "held\n";
        while (fgets(STDIN) !== false) {
        }
        break;
    case 'add':
        $_SESSION['counter'] = ($_SESSION['counter'] ?? 0) + 1;
        break;
    case 'count':
        echo $_SESSION['counter'] ?? 0, "\n";
        break;
    case 'destroy':
        check(session_destroy(), 'session_destroy');
        break;
}
if ($action !== 'destroy') {
    check(session_write_close(), 'session_write_close');
}
echo "OK\n";
