// Queues, exchanges and bindings: declaring, checking, conflicts, lifetimes, deleting.
'use strict';

const assert = require('node:assert/strict');
const { closedBy, consume, eventually, eventuallyGet, onRabbitMq3, openChannel, scenario } =
  require('./support');

scenario('a queue without a name gets one from the server', async ({ channel }) => {
  const { queue, messageCount, consumerCount } = await channel.assertQueue('', { exclusive: true });
  assert.match(queue, /^amq\.gen-[\w-]{22}$/);
  assert.deepEqual([messageCount, consumerCount], [0, 0]);
});

scenario('declaring again reports messages and consumers', async ({ channel, name }) => {
  const queue = name('counts');
  await channel.assertQueue(queue);
  channel.sendToQueue(queue, Buffer.from('1'));
  channel.sendToQueue(queue, Buffer.from('2'));
  await eventually(async () => (await channel.checkQueue(queue)).messageCount === 2, 'two messages');
  await channel.prefetch(1);
  await consume(channel, queue);
  const { messageCount, consumerCount } = await channel.assertQueue(queue);
  assert.deepEqual([messageCount, consumerCount], [1, 1]);
});

scenario('declaring a queue with another property fails with 406', async ({ channel, name }) => {
  const queue = name('conflict');
  await channel.assertQueue(queue, { durable: true });
  const error = await closedBy(channel, () => channel.assertQueue(queue, { durable: false }));
  assert.equal(error.code, 406);
  assert.match(error.message, new RegExp(`PRECONDITION_FAILED - inequivalent arg 'durable' for ` +
    `queue '${queue}' in vhost '/': received 'false' but current is 'true'`));
});

scenario('declaring a queue with another argument fails with 406', async ({ channel, name }) => {
  const queue = name('conflict');
  await channel.assertQueue(queue);
  const error = await closedBy(channel, () => channel.assertQueue(queue, { messageTtl: 1000 }));
  assert.equal(error.code, 406);
  assert.match(error.message, /inequivalent arg 'x-message-ttl' for queue .* in vhost '\/': received the value '1000' of type '\w+' but current is none/);
});

scenario('an invalid queue argument fails with 406', async ({ channel, name }) => {
  const queue = name('invalid');
  const error = await closedBy(channel, () => channel.assertQueue(queue, { expires: 0 }));
  assert.equal(error.code, 406);
  assert.match(error.message, new RegExp(`invalid arg 'x-expires' for queue '${queue}'.*value_zero`));
});

scenario('reserved names are refused with 403', async ({ connection, channel }) => {
  const queue = await closedBy(channel, () => channel.assertQueue('amq.mine'));
  assert.equal(queue.code, 403);
  assert.match(queue.message, /queue name 'amq.mine' contains reserved prefix 'amq\.\*'/);
  const second = await openChannel(connection);
  const exchange = await closedBy(second, () => second.assertExchange('amq.mine', 'direct'));
  assert.equal(exchange.code, 403);
});

scenario('the predeclared exchanges are there', async ({ channel }) => {
  for (const exchange of ['amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match']) {
    await channel.checkExchange(exchange);
  }
  await channel.assertExchange('amq.topic', 'topic', { durable: true });
});

scenario('exchanges of every type and flag can be declared and declared again',
  async ({ channel, name }) => {
    for (const type of ['direct', 'fanout', 'topic', 'headers']) {
      for (const options of [{ durable: true }, { durable: false, autoDelete: true },
        { durable: true, internal: true }]) {
        const exchange = name(type);
        await channel.assertExchange(exchange, type, options);
        await channel.assertExchange(exchange, type, options);
        await channel.checkExchange(exchange);
      }
    }
  });

scenario('declaring an exchange with another type fails with 406', async ({ channel, name }) => {
  const exchange = name('conflict');
  await channel.assertExchange(exchange, 'direct');
  const error = await closedBy(channel, () => channel.assertExchange(exchange, 'fanout'));
  assert.equal(error.code, 406);
  assert.match(error.message, /inequivalent arg 'type' for exchange .*: received 'fanout' but current is 'direct'/);
});

scenario('an unknown exchange type is refused', async ({ connection, channel, name }) => {
  const exchange = name('unknown-type');
  // RabbitMQ 3 closed the whole connection here, RabbitMQ 4 and PolyMQ only the channel.
  const error = await closedBy(onRabbitMq3 ? connection : channel,
    () => channel.assertExchange(exchange, 'no-such-type'));
  assert.equal(error.code, onRabbitMq3 ? 503 : 406);
  assert.match(error.message, /unknown exchange type 'no-such-type'/);
});

scenario('checking a missing exchange fails with 404', async ({ channel, name }) => {
  const exchange = name('missing');
  const error = await closedBy(channel, () => channel.checkExchange(exchange));
  assert.equal(error.code, 404);
  assert.match(error.message, new RegExp(`NOT_FOUND - no exchange '${exchange}' in vhost '/'`));
});

scenario('an exclusive queue is locked for other connections', async ({ connect, channel, name }) => {
  const queue = name('locked');
  await channel.assertQueue(queue, { exclusive: true });
  const other = await openChannel(await connect());
  const error = await closedBy(other, () => other.checkQueue(queue));
  assert.equal(error.code, 405);
  assert.match(error.message, /RESOURCE_LOCKED - cannot obtain exclusive access to locked queue/);
});

scenario('an auto-delete queue goes with its last consumer', async ({ connection, channel, name }) => {
  const queue = name('auto-delete');
  await channel.assertQueue(queue, { autoDelete: true });
  const { consumerTag } = await consume(channel, queue);
  const second = await openChannel(connection);
  const other = await consume(second, queue);
  await channel.cancel(consumerTag);
  await channel.checkQueue(queue);
  await second.cancel(other.consumerTag);
  assert.equal((await closedBy(channel, () => channel.checkQueue(queue))).code, 404);
});

scenario('an auto-delete exchange goes with its last binding', async ({ channel, name }) => {
  const exchange = name('auto-delete');
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.assertExchange(exchange, 'fanout', { autoDelete: true });
  await channel.bindQueue(queue, exchange, '');
  await channel.checkExchange(exchange);
  await channel.unbindQueue(queue, exchange, '');
  assert.equal((await closedBy(channel, () => channel.checkExchange(exchange))).code, 404);
});

scenario('an unused queue expires', async ({ connection, channel, name }) => {
  const queue = name('expires');
  await channel.assertQueue(queue, { expires: 200 });
  await eventually(async () => {
    const probe = await openChannel(connection);
    return channelSays404(probe, queue);
  }, 'the queue to expire');
});

/** True if a message published mandatory to `queue` comes back: it looks without touching. */
async function channelSays404(channel, queue) {
  const returned = new Promise((resolve) => channel.once('return', () => resolve(true)));
  channel.sendToQueue(queue, Buffer.alloc(0), { mandatory: true });
  const kept = channel.checkExchange('amq.direct').then(() => new Promise((resolve) => {
    setTimeout(() => resolve(false), 20);
  }));
  return Promise.race([returned, kept]).finally(() => channel.close());
}

scenario('deleting honours if-unused and if-empty and reports the messages',
  async ({ connection, channel, name }) => {
    const queue = name('delete');
    await channel.assertQueue(queue);
    channel.sendToQueue(queue, Buffer.from('1'));
    const notEmpty = await openChannel(connection);
    const emptyError = await closedBy(notEmpty, () => notEmpty.deleteQueue(queue, { ifEmpty: true }));
    assert.equal(emptyError.code, 406);
    assert.match(emptyError.message, new RegExp(`queue '${queue}' in vhost '/' not empty`));

    await channel.prefetch(0);
    const { consumerTag } = await consume(channel, queue);
    const inUse = await openChannel(connection);
    const usedError = await closedBy(inUse, () => inUse.deleteQueue(queue, { ifUnused: true }));
    assert.equal(usedError.code, 406);
    assert.match(usedError.message, new RegExp(`queue '${queue}' in vhost '/' in use`));

    await channel.cancel(consumerTag);
    channel.nackAll();
    await channel.checkQueue(queue);
    assert.equal((await channel.deleteQueue(queue)).messageCount, 1);
    assert.equal((await channel.deleteQueue(queue)).messageCount, 0);
  });

scenario('deleting a used exchange with if-unused fails with 406', async ({ channel, name }) => {
  const exchange = name('used');
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.assertExchange(exchange, 'direct');
  await channel.bindQueue(queue, exchange, 'k');
  const error = await closedBy(channel, () => channel.deleteExchange(exchange, { ifUnused: true }));
  assert.equal(error.code, 406);
  assert.match(error.message, new RegExp(`exchange '${exchange}' in vhost '/' in use`));
});

scenario('purging drops the ready messages only and reports them', async ({ channel, name }) => {
  const queue = name('purge');
  await channel.assertQueue(queue);
  for (const body of ['1', '2', '3']) channel.sendToQueue(queue, Buffer.from(body));
  const held = await channel.get(queue);
  assert.equal((await channel.purgeQueue(queue)).messageCount, 2);
  channel.nack(held);
  assert.equal((await eventuallyGet(channel, queue)).content.toString(), '1');
});

scenario('binding to a missing exchange or queue fails with 404', async ({ connection, channel, name }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const error = await closedBy(channel, () => channel.bindQueue(queue, name('missing'), 'k'));
  assert.equal(error.code, 404);
  const second = await openChannel(connection);
  const other = await closedBy(second, () => second.bindQueue(name('missing'), 'amq.direct', 'k'));
  assert.equal(other.code, 404);
  assert.match(other.message, /no queue /);
});

scenario('the default exchange cannot be bound', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const error = await closedBy(channel, () => channel.bindQueue(queue, '', 'k'));
  assert.equal(error.code, 403);
  assert.match(error.message, /operation not permitted on the default exchange/);
});
