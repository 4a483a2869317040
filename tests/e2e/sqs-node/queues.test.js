// Queues: making, finding, describing, changing and deleting them.
'use strict';

const assert = require('node:assert/strict');
const { endpoint, expect, scenario, settings, uniqueName } = require('./support');

scenario('a queue is made, found by its name and deleted', async ({ call, queue, refusal }) => {
  const { name, url } = await queue();
  assert.equal(new URL(url).pathname, `/000000000000/${name}`);
  assert.equal((await call('GetQueueUrl', { QueueName: name })).QueueUrl, url);
  await call('DeleteQueue', { QueueUrl: url });
  assert.equal((await refusal('GetQueueUrl', { QueueName: name })).name, 'QueueDoesNotExist');
});

scenario('a queue\'s URL leads to where the client is connected', async ({ queue }) => {
  assert.equal(new URL((await queue()).url).origin, new URL(endpoint).origin);
}, { polymqOnly: 'puts a host of its own into URLs' });

scenario('making a queue again compares the attributes given', async ({ queue, refusal }) => {
  const first = await queue({ VisibilityTimeout: 5 });
  const { name } = first;
  assert.equal((await queue({ name })).url, first.url);
  assert.equal((await queue({ name, VisibilityTimeout: 5 })).url, first.url);
  const error = await refusal('CreateQueue', {
    QueueName: name, Attributes: { VisibilityTimeout: '6' } });
  assert.match(error.name, /QueueNameExists$/);
});

scenario('queues are listed by prefix, in pages', async ({ call, queue }) => {
  const prefix = uniqueName('list');
  const urls = [];
  for (let i = 0; i < 5; i += 1) urls.push((await queue({ name: `${prefix}-${i}` })).url);
  const page = (MaxResults, NextToken) =>
    call('ListQueues', { QueueNamePrefix: prefix, MaxResults, NextToken });
  const first = await page(2);
  assert.equal(first.QueueUrls.length, 2);
  const second = await page(1000, first.NextToken);
  assert.equal(second.NextToken, undefined);
  assert.deepEqual([...first.QueueUrls, ...second.QueueUrls].sort(), urls);
  const none = await call('ListQueues', { QueueNamePrefix: `${prefix}-x` });
  assert.deepEqual(none.QueueUrls, expect({ polymq: undefined, fauxqs: [] }));
});

scenario('all queues are listed a page at a time by the SDK itself',
  async ({ aws, client, queue }) => {
    const prefix = uniqueName('pages');
    for (let i = 0; i < 3; i += 1) await queue({ name: `${prefix}-${i}` });
    const seen = [];
    const pages = aws.paginateListQueues({ client, pageSize: 2 }, { QueueNamePrefix: prefix });
    for await (const { QueueUrls = [] } of pages) seen.push(...QueueUrls);
    assert.equal(seen.length, 3);
  });

scenario('a new queue has the defaults', async ({ queue }) => {
  const { name, ...made } = await queue();
  const told = await made.attributes('All');
  for (const [attribute, value] of Object.entries({
    ApproximateNumberOfMessages: '0',
    ApproximateNumberOfMessagesDelayed: '0',
    ApproximateNumberOfMessagesNotVisible: '0',
    DelaySeconds: '0',
    MaximumMessageSize: '1048576',
    MessageRetentionPeriod: '345600',
    QueueArn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
    ReceiveMessageWaitTimeSeconds: '0',
    VisibilityTimeout: '30',
  })) assert.equal(told[attribute], value, attribute);
  assert.ok(Math.abs(Number(told.CreatedTimestamp) - Date.now() / 1000) < 60);
  for (const absent of ['FifoQueue', 'Policy', 'RedrivePolicy']) {
    assert.ok(!(absent in told), absent);
  }
});

scenario('attributes that are set are told', async ({ call, queue }) => {
  const made = await queue({ DelaySeconds: 3, MessageRetentionPeriod: 120 });
  const Attributes = { VisibilityTimeout: '7', ReceiveMessageWaitTimeSeconds: '2' };
  await call('SetQueueAttributes', { QueueUrl: made.url, Attributes });
  assert.deepEqual(
    await made.attributes('VisibilityTimeout', 'ReceiveMessageWaitTimeSeconds', 'DelaySeconds',
      'MessageRetentionPeriod'),
    { ...Attributes, DelaySeconds: '3', MessageRetentionPeriod: '120' });
  assert.deepEqual(await made.attributes(), {});
});

scenario('tags are put, replaced and taken off', async ({ call, queue }) => {
  const { url: QueueUrl } = await queue({ tags: { team: 'blue', 'cost center': '\u00e4 & <b>' } });
  const tags = async () => (await call('ListQueueTags', { QueueUrl })).Tags;
  assert.deepEqual(await tags(), { team: 'blue', 'cost center': '\u00e4 & <b>' });
  await call('TagQueue', { QueueUrl, Tags: { team: 'red', stage: 'test' } });
  assert.deepEqual(await tags(), { team: 'red', 'cost center': '\u00e4 & <b>', stage: 'test' });
  await call('UntagQueue', { QueueUrl, TagKeys: ['cost center', 'stage', 'never there'] });
  assert.deepEqual(await tags(), { team: 'red' });
});

scenario('a purge empties a queue, of what is delayed or out as well',
  async ({ call, queue }) => {
    const made = await queue();
    await made.sendAll(['1', '2', '3']);
    await made.send('later', { DelaySeconds: 60 });
    await made.receive({ most: 1 });
    await call('PurgeQueue', { QueueUrl: made.url });
    assert.deepEqual(await made.counts(), [0, 0, 0]);
    assert.deepEqual(await made.bodies({ wait: 0 }), []);
  });

for (const [what, locate] of Object.entries({
  'another host': ({ name }) => `http://sqs.eu-west-1.amazonaws.com/000000000000/${name}`,
  'https and no port': ({ name }) => `https://queue.amazonaws.com/000000000000/${name}`,
  'another port': ({ name }) => `http://localhost:1/000000000000/${name}`,
})) {
  scenario(`a queue URL with ${what} names the same queue`, async ({ call, on, queue }) => {
    const made = await queue();
    await call('SendMessage', { QueueUrl: made.url, MessageBody: what });
    const other = on(locate(made));
    assert.equal((await other.one()).Body, what);
  }, { polymqOnly: what === 'another host' ? 'keeps queues by region' : undefined });
}

scenario('messages go to the queue\'s own host when no endpoint is set', async (tools) => {
  const made = await tools.queue();
  const { endpoint: without, ...others } = settings;
  const client = new tools.aws.SQSClient(others);
  try {
    const command = new tools.aws.SendMessageCommand({ QueueUrl: made.url, MessageBody: 'direct' });
    await client.send(command);
  } finally {
    client.destroy();
  }
  assert.equal((await made.one()).Body, 'direct');
}, { protocols: ['JSON'], polymqOnly: 'puts a host of its own into URLs' });

scenario('a deleted queue takes its messages with it, and its name can be used again',
  async ({ call, queue }) => {
    const { name, url, send } = await queue();
    await send('old');
    await call('DeleteQueue', { QueueUrl: url });
    const again = await queue({ name });
    assert.deepEqual(await again.bodies({ wait: 0 }), []);
    assert.deepEqual(await again.counts(), [0, 0, 0]);
  });
