<?php
// What the PHP clients share: a check that ends the script with a message, so that the test shows what was wrong.
function check(bool $ok, string $what, $got = null): void {
    if (!$ok) {
        fwrite(STDOUT, "FAILED: $what; got " . var_export($got, true) . "\n");
        exit(1);
    }
}

function same($expected, $got, string $what): void {
    check($expected === $got, $what . '; expected ' . var_export($expected, true), $got);
}
