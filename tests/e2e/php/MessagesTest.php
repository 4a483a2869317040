<?php
// Messages: properties, headers, sizes, confirms, returns, transactions, replies.

declare(strict_types=1);

use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPDecimal;
use PhpAmqpLib\Wire\AMQPTable;

final class MessagesTest extends Scenario
{
    public function testPropertiesSurvive(): void
    {
        $queue = $this->queue('properties');
        $sent = ['content_type' => 'text/plain', 'content_encoding' => 'utf-8', 'delivery_mode' => 2,
            'priority' => 3, 'correlation_id' => 'c', 'reply_to' => 'r', 'expiration' => '60000',
            'message_id' => 'm', 'timestamp' => 1700000000, 'type' => 't', 'user_id' => 'guest',
            'app_id' => 'a'];
        $this->publish('', $queue, 'body', $sent);
        $got = $this->get($queue);
        self::assertEquals($sent, $got->get_properties());
        self::assertSame(['', $queue, 0],
            [$got->getExchange(), $got->getRoutingKey(), $got->getMessageCount()]);
    }

    public function testHeadersOfEveryTypeSurvive(): void
    {
        $queue = $this->queue('headers');
        $table = new AMQPTable([
            'int' => -5, 'long' => 2 ** 40, 'yes' => true, 'no' => false, 'nothing' => null,
            'text' => 'grüße', 'float' => 3.25, 'list' => [1, 'two', null, [3]],
            'table' => ['nested' => ['deeper' => 'yes']], 'time' => new DateTime('@1700000000'),
            'decimal' => new AMQPDecimal(1234, 2),
        ]);
        $table->set('bytes', "\x00\xff", AMQPTable::T_BYTES);
        $table->set('short', -300, AMQPTable::T_INT_SHORT);
        $table->set('byte', -5, AMQPTable::T_INT_SHORTSHORT);
        $expected = $table->getNativeData();
        $this->channel->basic_publish(
            new AMQPMessage('x', ['application_headers' => $table]), '', $queue);
        self::assertEquals($expected, self::headers($this->get($queue)));
    }

    public function testBodiesOfManySizesSurvive(): void
    {
        $queue = $this->queue('sizes');
        $limit = 131072 - 8;
        foreach ([0, 1, $limit, $limit + 1, 3 * $limit, 2 << 20] as $size) {
            $body = $size === 0 ? '' : random_bytes($size);
            $this->publish('', $queue, $body);
            self::assertTrue($this->get($queue)->getBody() === $body, "$size octets");
        }
    }

    public function testEverythingIsConfirmed(): void
    {
        $queue = $this->queue('confirms');
        $acked = 0;
        $this->channel->confirm_select();
        $this->channel->set_ack_handler(function () use (&$acked) {
            $acked++;
        });
        for ($i = 0; $i < 100; $i++) {
            $this->publish('', $i % 2 ? $queue : 'nowhere', 'x', ['delivery_mode' => 2]);
        }
        $this->channel->wait_for_pending_acks(self::PATIENCE);
        self::assertSame(100, $acked);
        self::assertSame(50, $this->channel->queue_declare($queue, passive: true)[1]);
    }

    public function testARejectingQueueNacks(): void
    {
        $queue = $this->queue('full', ['x-max-length' => 1, 'x-overflow' => 'reject-publish']);
        $answers = [];
        $this->channel->confirm_select();
        $this->channel->set_ack_handler(function ($message) use (&$answers) {
            $answers[] = $message->getBody() . ' acked';
        });
        $this->channel->set_nack_handler(function ($message) use (&$answers) {
            $answers[] = $message->getBody() . ' nacked';
        });
        foreach (['first', 'second'] as $body) {
            $this->publish('', $queue, $body);
            $this->channel->wait_for_pending_acks(self::PATIENCE);
        }
        self::assertSame(['first acked', 'second nacked'], $answers);
        self::assertSame(['first'], $this->bodies($queue));
    }

    public function testAReturnComesBeforeItsConfirm(): void
    {
        $events = [];
        $this->channel->confirm_select();
        $this->channel->set_ack_handler(function () use (&$events) {
            $events[] = 'confirmed';
        });
        $this->channel->set_return_listener(
            function ($code, $text, $exchange, $key, $message) use (&$events) {
                $events[] = [$code, $text, $exchange, $key, $message->getBody()];
            });
        $key = $this->unique('nowhere');
        $this->publish('amq.direct', $key, 'back', [], true);
        $this->channel->wait_for_pending_acks_returns(self::PATIENCE);
        self::assertSame([[312, 'NO_ROUTE', 'amq.direct', $key, 'back'], 'confirmed'], $events);
    }

    public function testRefusedPublishesCloseTheChannel(): void
    {
        $queue = $this->queue('refused');
        $missing = $this->unique('missing');
        $this->expectClose(404, "no exchange '$missing' in vhost '/'",
            fn ($channel) => $channel->basic_publish(new AMQPMessage('x'), $missing, 'k'));
        $this->expectClose(406, "invalid expiration 'soon'", fn ($channel) =>
            $channel->basic_publish(new AMQPMessage('x', ['expiration' => 'soon']), '', $queue));
        $this->expectClose(406, "user_id property set to 'mallory'", fn ($channel) =>
            $channel->basic_publish(new AMQPMessage('x', ['user_id' => 'mallory']), '', $queue));
        $internal = $this->unique('internal');
        $this->channel->exchange_declare($internal, 'fanout', durable: true, internal: true);
        $this->expectClose(403, "cannot publish to internal exchange '$internal' in vhost '/'",
            fn ($channel) => $channel->basic_publish(new AMQPMessage('x'), $internal));
        self::assertSame([], $this->bodies($queue));
    }

    public function testCopiesGoToCcAndBcc(): void
    {
        [$to, $cc, $bcc] = [$this->queue(), $this->queue(), $this->queue()];
        $this->publish('', $to, 'copy', ['application_headers' => ['CC' => [$cc], 'BCC' => [$bcc]]]);
        foreach ([$to, $cc, $bcc] as $queue) {
            $message = $this->get($queue);
            self::assertSame('copy', $message->getBody());
            self::assertSame(['CC' => [$cc]], self::headers($message));
        }
    }

    public function testBatchesArriveInOrder(): void
    {
        $queue = $this->queue('batch');
        $bodies = array_map('strval', range(1, 200));
        foreach ($bodies as $body) {
            $this->channel->batch_basic_publish(new AMQPMessage($body), '', $queue);
        }
        $this->channel->publish_batch();
        self::assertSame($bodies, $this->bodies($queue));
    }

    public function testTransactionsCommitAndRollBack(): void
    {
        $queue = $this->queue('tx');
        $tx = $this->connection->channel();
        $tx->tx_select();
        $tx->basic_publish(new AMQPMessage('undone'), '', $queue);
        $tx->tx_rollback();
        $tx->basic_publish(new AMQPMessage('done'), '', $queue);
        self::assertSame([], $this->bodies($queue));
        $tx->tx_commit();
        self::assertSame(['done'], $this->bodies($queue));
        $this->expectRefusal(406, 'cannot switch from tx to confirm mode', fn () => $tx->confirm_select());
        $this->expectRefusal(406, 'channel is not transactional',
            fn () => $this->connection->channel()->tx_commit());
    }

    /** @dataProvider replyAddresses */
    public function testRepliesComeBack(bool $direct): void
    {
        $requests = $this->queue('requests');
        $replyTo = $direct ? 'amq.rabbitmq.reply-to'
            : $this->channel->queue_declare('', exclusive: true)[0];
        $replies = [];
        $this->channel->basic_consume($replyTo, no_ack: true, callback: function ($reply) use (&$replies) {
            $replies[] = [$reply->getBody(), $reply->get('correlation_id')];
        });
        $this->publish('', $requests, 'hello', ['reply_to' => $replyTo, 'correlation_id' => 'c']);

        $service = $this->connect()->channel();
        $request = $this->eventually(fn () => $service->basic_get($requests, true));
        $service->basic_publish(
            new AMQPMessage(strtoupper($request->getBody()),
                ['correlation_id' => $request->get('correlation_id')]),
            '', $request->get('reply_to'));

        while ($replies === []) {
            $this->channel->wait(null, false, self::PATIENCE);
        }
        self::assertSame([['HELLO', 'c']], $replies);
    }

    public function replyAddresses(): array
    {
        return ['direct reply-to' => [true], 'temporary queue' => [false]];
    }
}
