// Where messages go: exchange types, bindings between exchanges, alternates, CC and BCC.
'use strict';

const assert = require('node:assert/strict');
const { closedBy, drain, next, openChannel, scenario } = require('./support');

/** An exclusive queue bound with each of `bindings` ([key, arguments] or key). */
async function boundQueue(channel, exchange, ...bindings) {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const binding of bindings) {
    const [key, args] = [].concat(binding);
    await channel.bindQueue(queue, exchange, key, args);
  }
  return queue;
}

function publish(channel, exchange, key, body, options) {
  channel.publish(exchange, key, Buffer.from(body), options);
}

scenario('the default exchange reaches a queue by its name', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  publish(channel, '', queue, 'direct to you');
  const { fields } = await channel.get(queue, { noAck: true });
  assert.deepEqual([fields.exchange, fields.routingKey], ['', queue]);
});

scenario('a direct exchange matches the whole key', async ({ channel, name }) => {
  const exchange = name('direct');
  await channel.assertExchange(exchange, 'direct');
  const red = await boundQueue(channel, exchange, 'red');
  const both = await boundQueue(channel, exchange, 'red', 'blue');
  for (const key of ['red', 'blue', 'green', 'RED']) publish(channel, exchange, key, key);
  assert.deepEqual(await drain(channel, red), ['red']);
  assert.deepEqual(await drain(channel, both), ['red', 'blue']);
});

scenario('a fanout exchange ignores the key and copies to every queue once',
  async ({ channel, name }) => {
    const exchange = name('fanout');
    await channel.assertExchange(exchange, 'fanout');
    const queues = [await boundQueue(channel, exchange, ''), await boundQueue(channel, exchange, 'a', 'b')];
    publish(channel, exchange, 'anything', 'news');
    for (const queue of queues) assert.deepEqual(await drain(channel, queue), ['news']);
  });

scenario('a topic exchange knows * and #', async ({ channel, name }) => {
  const exchange = name('topic');
  await channel.assertExchange(exchange, 'topic');
  const keys = ['', 'a', 'a.b', 'a.b.c', 'b.a', 'a..c', 'a.b.c.d'];
  const expected = {
    '#': keys,
    '*': ['a'],
    'a.*': ['a.b'],
    'a.#': ['a', 'a.b', 'a.b.c', 'a..c', 'a.b.c.d'],
    'a.*.c': ['a.b.c', 'a..c'],
    '#.c': ['a.b.c', 'a..c'],
    '*.a': ['b.a'],
    'a.b': ['a.b'],
  };
  const queues = {};
  for (const pattern of Object.keys(expected)) {
    queues[pattern] = await boundQueue(channel, exchange, pattern);
  }
  for (const key of keys) publish(channel, exchange, key, key);
  for (const [pattern, bodies] of Object.entries(expected)) {
    assert.deepEqual(await drain(channel, queues[pattern]), bodies, `pattern ${pattern}`);
  }
});

scenario('a headers exchange matches all or any', async ({ channel, name }) => {
  const exchange = name('headers');
  await channel.assertExchange(exchange, 'headers');
  const pairs = { format: 'pdf', pages: 3 };
  const all = await boundQueue(channel, exchange, ['', { 'x-match': 'all', ...pairs }]);
  const any = await boundQueue(channel, exchange, ['', { 'x-match': 'any', ...pairs }]);
  const implied = await boundQueue(channel, exchange, ['', pairs]);
  const send = (body, headers) => publish(channel, exchange, '', body, { headers });
  send('both', { format: 'pdf', pages: 3, extra: true });
  send('one', { format: 'pdf', pages: 4 });
  send('none', { format: 'doc' });
  send('text is no number', { pages: '3' });
  assert.deepEqual(await drain(channel, all), ['both']);
  assert.deepEqual(await drain(channel, implied), ['both']);
  assert.deepEqual(await drain(channel, any), ['both', 'one']);
});

scenario('several matching bindings deliver one copy; unbinding ends it', async ({ channel, name }) => {
  const exchange = name('topic');
  await channel.assertExchange(exchange, 'topic');
  const queue = await boundQueue(channel, exchange, 'a.#', '#.b', 'a.b', 'a.b');
  publish(channel, exchange, 'a.b', 'once');
  assert.deepEqual(await drain(channel, queue), ['once']);
  await channel.unbindQueue(queue, exchange, 'a.#');
  await channel.unbindQueue(queue, exchange, 'a.b');
  publish(channel, exchange, 'a.b', 'still by #.b');
  await channel.unbindQueue(queue, exchange, '#.b');
  await channel.unbindQueue(queue, exchange, 'never bound');
  publish(channel, exchange, 'a.b', 'lost');
  assert.deepEqual(await drain(channel, queue), ['still by #.b']);
});

scenario('exchanges bind to exchanges, cycles included', async ({ channel, name }) => {
  const [source, middle, end] = [name('source'), name('middle'), name('end')];
  await channel.assertExchange(source, 'topic');
  await channel.assertExchange(middle, 'fanout', { internal: true });
  await channel.assertExchange(end, 'direct');
  await channel.bindExchange(middle, source, 'stock.#');
  await channel.bindExchange(end, middle, '');
  await channel.bindExchange(source, end, 'stock.de');
  const queue = await boundQueue(channel, end, 'stock.de');
  publish(channel, source, 'stock.de', 'up');
  publish(channel, source, 'stock.us', 'no binding at the end');
  assert.deepEqual(await drain(channel, queue), ['up']);
  await channel.unbindExchange(middle, source, 'stock.#');
  publish(channel, source, 'stock.de', 'unbound');
  assert.deepEqual(await drain(channel, queue), []);
});

scenario('an alternate exchange takes what matched nothing', async ({ channel, name }) => {
  const [main, alternate] = [name('main'), name('alternate')];
  await channel.assertExchange(alternate, 'fanout');
  await channel.assertExchange(main, 'direct', { alternateExchange: alternate });
  const known = await boundQueue(channel, main, 'known');
  const rest = await boundQueue(channel, alternate, '');
  let returned = 0;
  channel.on('return', () => { returned += 1; });
  publish(channel, main, 'known', 'k');
  publish(channel, main, 'unknown', 'u', { mandatory: true });
  assert.deepEqual(await drain(channel, known), ['k']);
  assert.deepEqual(await drain(channel, rest), ['u']);
  assert.equal(returned, 0);
});

scenario('an internal exchange cannot be published to', async ({ channel, name }) => {
  const exchange = name('internal');
  await channel.assertExchange(exchange, 'fanout', { internal: true });
  const error = await closedBy(channel, () => publish(channel, exchange, '', 'x'));
  assert.equal(error.code, 403);
  assert.match(error.message, /cannot publish to internal exchange/);
});

scenario('CC and BCC add routing keys and only BCC disappears', async ({ channel }) => {
  const queues = [];
  for (let i = 0; i < 3; i += 1) {
    queues.push((await channel.assertQueue('', { exclusive: true })).queue);
  }
  const [to, cc, bcc] = queues;
  publish(channel, '', to, 'copy', { CC: [cc], BCC: [bcc] });
  for (const queue of queues) {
    const message = await channel.get(queue, { noAck: true });
    assert.equal(message.content.toString(), 'copy');
    assert.deepEqual(message.properties.headers.CC, [cc]);
    assert.equal('BCC' in message.properties.headers, false);
  }
});

scenario('an unroutable message comes back only if mandatory', async ({ channel, name }) => {
  const exchange = name('empty');
  await channel.assertExchange(exchange, 'direct');
  publish(channel, exchange, 'nowhere', 'dropped');
  const returned = next(channel, 'return');
  publish(channel, exchange, 'nowhere', 'back', { mandatory: true, messageId: 'm-1' });
  const { fields, properties, content } = await returned;
  assert.deepEqual([fields.replyCode, fields.replyText], [312, 'NO_ROUTE']);
  assert.deepEqual([fields.exchange, fields.routingKey], [exchange, 'nowhere']);
  assert.deepEqual([properties.messageId, content.toString()], ['m-1', 'back']);
});

scenario('publishing to a missing exchange closes the channel with 404',
  async ({ connection, channel, name }) => {
    const error = await closedBy(channel, () => publish(channel, name('missing'), 'k', 'x'));
    assert.equal(error.code, 404);
    assert.deepEqual([error.classId, error.methodId], [60, 40]);
    await (await openChannel(connection)).checkExchange('amq.direct');
  });
