// Connections: handshake, refusals, heartbeats, closing, blocked listeners, secrets, recovery.
'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const { amqp, closedBy, consume, eventually, inTime, next, openChannel, scenario, url } =
  require('./support');

function withCredentials(user, password) {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
}

/** A relay to the broker whose connections can be cut without a goodbye. */
async function startRelay() {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const server = net.createServer((client) => {
    const broker = net.connect(Number(port), hostname);
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => { sockets.delete(socket); client.destroy(); broker.destroy(); });
    }
    client.pipe(broker).pipe(client);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String(server.address().port);
  return {
    url: through.href,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    stop: () => { sockets.forEach((socket) => socket.destroy()); server.close(); },
  };
}

scenario('the server introduces itself with its capabilities', async ({ connection }) => {
  const { serverProperties } = connection.connection;
  assert.ok(serverProperties.product.length > 0);
  assert.match(serverProperties.version, /^\d+\.\d+\.\d+/);
  for (const capability of ['publisher_confirms', 'exchange_exchange_bindings', 'basic.nack',
    'consumer_cancel_notify', 'connection.blocked', 'consumer_priorities',
    'authentication_failure_close', 'per_consumer_qos', 'direct_reply_to']) {
    assert.equal(serverProperties.capabilities[capability], true, capability);
  }
});

scenario('a wrong password is refused with 403', async () => {
  await assert.rejects(amqp.connect(withCredentials('guest', 'wrong')), /403.*ACCESS.REFUSED/);
});

scenario('an unknown virtual host is refused', async () => {
  const elsewhere = new URL(url);
  elsewhere.pathname = '/no-such-vhost';
  // amqplib tells that the broker closed, not why: other clients' suites look at code and text.
  await assert.rejects(amqp.connect(elsewhere.href), /Expected ConnectionOpenOk; got <ConnectionClose/);
});

scenario('AMQPLAIN logs in as well as PLAIN', async () => {
  const { amqplain } = amqp.credentials;
  const connection = await amqp.connect(url, { credentials: amqplain('guest', 'guest') });
  await connection.createChannel();
  await connection.close();
});

scenario('heartbeats keep an idle connection alive', async ({ connect }) => {
  const connection = await connect({}, { heartbeat: 1 });
  assert.equal(connection.connection.heartbeat, 1);
  let lost = false;
  connection.on('close', () => { lost = true; });
  await new Promise((resolve) => setTimeout(resolve, 3500));
  assert.equal(lost, false);
  await connection.createChannel();
});

scenario('a small frame size is honoured in both directions', async ({ connect, name }) => {
  const connection = await connect({}, { frameMax: 4096 });
  assert.equal(connection.connection.frameMax, 4096);
  const channel = await openChannel(connection);
  const queue = name('frames');
  await channel.assertQueue(queue);
  const body = Buffer.alloc(20000, 'x');
  channel.sendToQueue(queue, body);
  const message = await channel.get(queue, { noAck: true });
  assert.ok(message.content.equals(body));
});

scenario('a channel error leaves the connection and its other channels usable',
  async ({ connection, channel, name }) => {
    const other = await openChannel(connection);
    const missing = name('missing');
    const error = await closedBy(channel, () => channel.checkQueue(missing));
    assert.equal(error.code, 404);
    assert.match(error.message, new RegExp(`NOT_FOUND - no queue '${missing}' in vhost '/'`));
    await other.assertQueue(name('alive'));
    await (await openChannel(connection)).assertQueue(name('alive-too'));
  });

scenario('a channel number can be used again after the channel closed', async ({ connection }) => {
  for (let round = 0; round < 50; round += 1) {
    const channel = await openChannel(connection);
    assert.ok(channel.ch <= 3, `channel ${channel.ch}`);
    await channel.close();
  }
});

scenario('closing a channel gives its unacknowledged messages back',
  async ({ connection, channel, name }) => {
    const queue = name('unacked');
    await channel.assertQueue(queue);
    channel.sendToQueue(queue, Buffer.from('mine'));
    assert.equal((await channel.get(queue)).fields.redelivered, false);
    await channel.close();
    const again = await (await openChannel(connection)).get(queue);
    assert.equal(again.content.toString(), 'mine');
    assert.equal(again.fields.redelivered, true);
  });

scenario('exclusive queues are gone when close-ok arrives', async ({ connect, channel, name }) => {
  const queue = name('exclusive');
  const owner = await connect();
  await (await openChannel(owner)).assertQueue(queue, { exclusive: true });
  await owner.close();
  assert.equal((await closedBy(channel, () => channel.checkQueue(queue))).code, 404);
});

scenario('an application can listen for blocked and unblocked', async ({ connection, channel }) => {
  let blocked = false;
  connection.on('blocked', () => { blocked = true; });
  connection.on('unblocked', () => { blocked = false; });
  await channel.assertQueue('', { exclusive: true });
  assert.equal(blocked, false);
});

scenario('a new secret is accepted on an open connection', async ({ connection, channel }) => {
  const accepted = next(connection, 'update-secret-ok');
  connection.updateSecret(Buffer.from('guest'), 'rotation');
  await accepted;
  await channel.assertQueue('', { exclusive: true });
});

scenario('a recovering connection comes back after the network broke', async ({ channel, name }) => {
  const queue = name('recovery');
  const relay = await startRelay();
  let consumer;
  const recovering = await amqp.connect(relay.url, {
    recovery: {
      initialDelay: 20,
      setup: async (model) => {
        const fresh = await openChannel(model);
        await fresh.assertQueue(queue);
        consumer = await consume(fresh, queue, { noAck: true });
      },
    },
  });
  recovering.on('error', () => {});
  try {
    await channel.checkQueue(queue);
    channel.sendToQueue(queue, Buffer.from('before'));
    assert.equal((await consumer.next()).content.toString(), 'before');
    const beforeCut = consumer;
    relay.cut();
    await eventually(() => consumer !== beforeCut, 'the connection to recover');
    channel.sendToQueue(queue, Buffer.from('after'));
    assert.equal((await consumer.next()).content.toString(), 'after');
  } finally {
    await recovering.close();
    relay.stop();
  }
});

scenario('many channels work side by side on one connection', async ({ connection, name }) => {
  const queue = name('channels');
  const channels = await Promise.all(Array.from({ length: 100 }, () => openChannel(connection)));
  await channels[0].assertQueue(queue);
  await inTime(Promise.all(channels.map(async (channel, i) => {
    channel.sendToQueue(queue, Buffer.from(String(i)));
    await channel.checkExchange('amq.direct');
  })), 'all channels to answer');
  await eventually(async () => (await channels[0].checkQueue(queue)).messageCount === 100,
    '100 messages');
});
