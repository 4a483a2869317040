// Dead-letter queues: what fails too often goes there.
'use strict';

const assert = require('node:assert/strict');
const { expect, scenario } = require('./support');

const policy = (deadLetterTargetArn, maxReceiveCount) =>
  JSON.stringify({ deadLetterTargetArn, maxReceiveCount });

scenario('what fails too often goes to the dead-letter queue as it is', async ({ queue }) => {
  const dead = await queue();
  const made = await queue({ VisibilityTimeout: 0, RedrivePolicy: policy(await dead.arn(), 2) });
  const sent = await made.send('poison', {
    MessageAttributes: { kind: { DataType: 'String', StringValue: 'bad' } } });
  assert.equal((await made.one()).Attributes.ApproximateReceiveCount, '1');
  assert.equal((await made.one()).Attributes.ApproximateReceiveCount, '2');
  assert.deepEqual(await made.receive({ wait: 0 }), []);
  const got = await dead.one();
  assert.equal(got.Body, 'poison');
  assert.equal(got.MessageId, sent.MessageId);
  assert.equal(got.MessageAttributes.kind.StringValue, 'bad');
  assert.equal(got.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.equal(got.Attributes.DeadLetterQueueSourceArn,
    expect({ polymq: await made.arn(), fauxqs: undefined }));
  assert.deepEqual(await made.counts(), [0, 0, 0]);
});

scenario('it arrives there although nobody polls the source', async ({ queue }) => {
  const dead = await queue();
  const made = await queue({ VisibilityTimeout: 1, RedrivePolicy: policy(await dead.arn(), 1) });
  await made.send('poison');
  await made.one();
  assert.equal((await dead.one({ wait: 10 })).Body, 'poison');
}, { polymqOnly: 'moves messages when the source is polled' });

scenario('what is deleted in time does not go there', async ({ queue }) => {
  const dead = await queue();
  const made = await queue({ VisibilityTimeout: 0, RedrivePolicy: policy(await dead.arn(), 2) });
  await made.sendAll(['good', 'bad']);
  for (let round = 0; round < 2; round += 1) {
    for (const message of await made.receive()) {
      if (message.Body === 'good') await made.remove(message);
    }
  }
  await made.receive({ wait: 0 });
  assert.deepEqual(await dead.bodies({ wait: 10 }), ['bad']);
  assert.deepEqual(await made.counts(), [0, 0, 0]);
});

scenario('a redrive policy is told as it was given, and can be taken away',
  async ({ call, queue }) => {
    const dead = await queue();
    const RedrivePolicy = `{ "maxReceiveCount":"1", "deadLetterTargetArn":"${await dead.arn()}" }`;
    const made = await queue({ VisibilityTimeout: 0, RedrivePolicy });
    assert.deepEqual(await made.attributes('RedrivePolicy'), { RedrivePolicy });
    await call('SetQueueAttributes', { QueueUrl: made.url, Attributes: { RedrivePolicy: '' } });
    assert.deepEqual(await made.attributes('RedrivePolicy'), {});
    await made.send('x');
    for (let round = 0; round < 3; round += 1) assert.equal((await made.one()).Body, 'x');
  });

for (const [what, value] of Object.entries({
  'that is no JSON': 'nonsense',
  'without a count': '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:x"}',
  'to a queue that is not there': policy('arn:aws:sqs:us-east-1:000000000000:never-made', 1),
  'with a count of none': policy('arn:aws:sqs:us-east-1:000000000000:x', 0),
})) {
  scenario(`a redrive policy ${what} is refused`, async ({ queue, refusal }) => {
    const made = await queue();
    const error = await refusal('SetQueueAttributes', {
      QueueUrl: made.url, Attributes: { RedrivePolicy: value } });
    assert.match(error.name, /InvalidParameterValue/);
    assert.deepEqual(await made.attributes('RedrivePolicy'), {});
  }, { polymqOnly: 'does not check it' });
}
