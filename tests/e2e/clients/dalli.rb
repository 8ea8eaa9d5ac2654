# dalli 3.0's operations (binary protocol). Arguments: host:port. Ends with OK.
require 'dalli'

def same(expected, got, what)
  return if expected == got
  puts "FAILED: #{what}; expected #{expected.inspect}, got #{got.inspect}"
  exit 1
end

m = Dalli::Client.new(ARGV[0], compress: true, expires_in: 300)
m.flush
same(true, m.set('a', 'one').positive?, 'set answers the CAS unique')
same('one', m.get('a'), 'get')
same(nil, m.get('missing'), 'get of a missing key')
same(false, m.add('a', 'two'), 'add of a present key')
same(true, m.add('b', 'x') ? true : false, 'add')
same(true, [false, 0].include?(m.replace('missing', 'x')), 'replace of a missing key')
same(true, m.replace('b', 'y') ? true : false, 'replace')
m.set('raw', '3', 300, raw: true)
same(true, m.append('raw', '4'), 'append')
same(true, m.prepend('raw', '2'), 'prepend')
same('234', m.get('raw', raw: true), 'value after append and prepend')
same({ 'list' => [1, 2.5, nil] }, (m.set('object', { 'list' => [1, 2.5, nil] }) && m.get('object')), 'a structure')
text = 'ä' * 100_000
m.set('compressed', text)
same(text, m.get('compressed'), 'a compressed value')

m.multi { 200.times { |n| m.set("key#{n}", n) } }
same(200, m.get_multi(*(0..200).map { |n| "key#{n}" }).size, 'quiet sets and get_multi')
same(5, m.incr('n', 1, 300, 5), 'incr with a default')
same(7, m.incr('n', 2), 'incr')
same(0, m.decr('n', 100), 'decr')
same(nil, m.incr('missing'), 'incr of a missing key')

m.set('c', 'one')
same(true, m.cas('c') { |value| "#{value}+" } ? true : false, 'cas')
same('one+', m.get('c'), 'value after cas')
other = Dalli::Client.new(ARGV[0])
same(false, m.cas('c') { |_| other.set('c', 'other'); 'mine' }, 'cas against another writer')
same('other', m.get('c'), 'the other writer won')
same('fetched', m.fetch('f') { 'fetched' }, 'fetch on a miss')
same('fetched', m.fetch('f') { 'again' }, 'fetch on a hit')
same(true, m.touch('f', 100) ? true : false, 'touch')
same('fetched', m.gat('f', 100), 'gat')
same(true, m.delete('f'), 'delete')
same(false, m.delete('f') || false, 'second delete')
same(true, m.stats[ARGV[0]]['curr_items'].to_i >= 200, 'stats')
same(true, m.version[ARGV[0]].start_with?('1.6.'), 'version')
same(true, m.alive! ? true : true, 'noop')
m.close
puts 'OK'
