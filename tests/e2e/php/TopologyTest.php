<?php
// Queues, exchanges and bindings: declaring, conflicts, lifetimes, and where messages go.

declare(strict_types=1);

use PhpAmqpLib\Wire\AMQPTable;

final class TopologyTest extends Scenario
{
    public function testTheServerNamesAQueue(): void
    {
        [$name, $messages, $consumers] = $this->channel->queue_declare('', exclusive: true);
        self::assertMatchesRegularExpression('/^amq\.gen-[\w-]{22}$/', $name);
        self::assertSame([0, 0], [$messages, $consumers]);
    }

    public function testOtherPropertiesAreRefused(): void
    {
        $queue = $this->queue('conflict', ['x-max-length' => 5]);
        $this->expectRefusal(406, "inequivalent arg 'durable' for queue '$queue' in vhost '/': " .
            "received 'false' but current is 'true'",
            fn () => $this->connection->channel()->queue_declare($queue, auto_delete: false));
        $this->expectRefusal(406, "inequivalent arg 'x-max-length' for queue '$queue' in vhost '/': received none",
            fn () => $this->connection->channel()->queue_declare($queue, durable: true, auto_delete: false));
        $exchange = $this->exchange('direct');
        $this->expectRefusal(406, "inequivalent arg 'type' for exchange '$exchange' in vhost '/': " .
            "received 'fanout' but current is 'direct'",
            fn () => $this->connection->channel()->exchange_declare($exchange, 'fanout', durable: true));
    }

    public function testInvalidArgumentsAreRefused(): void
    {
        foreach (['x-message-ttl' => -1, 'x-expires' => 0, 'x-max-length' => 'ten',
            'x-overflow' => 'explode', 'x-max-priority' => 256] as $argument => $value) {
            $this->expectRefusal(406, "invalid arg '$argument' for queue '",
                fn () => $this->connection->channel()->queue_declare(
                    $this->unique('invalid'), arguments: new AMQPTable([$argument => $value])));
        }
    }

    public function testReservedNamesAreRefused(): void
    {
        $this->expectRefusal(403, "queue name 'amq.mine' contains reserved prefix 'amq.*'",
            fn () => $this->connection->channel()->queue_declare('amq.mine'));
        $this->expectRefusal(403, 'operation not permitted on the default exchange',
            fn () => $this->connection->channel()->exchange_declare('', 'direct'));
        $this->expectRefusal(403, 'ACCESS_REFUSED',
            fn () => $this->connection->channel()->exchange_delete('amq.fanout'));
    }

    public function testPassiveDeclaresOnlyLook(): void
    {
        $queue = $this->queue('there');
        $this->publish('', $queue, 'x');
        $this->eventually(fn () => $this->channel->queue_declare($queue, passive: true)[1] === 1);
        $missing = $this->unique('missing');
        $this->expectRefusal(404, "NOT_FOUND - no exchange '$missing' in vhost '/'",
            fn () => $this->channel->exchange_declare($missing, 'direct', passive: true));
    }

    public function testAutoDeleteFollowsTheLastUser(): void
    {
        [$queue, $exchange] = [$this->unique('auto'), $this->unique('auto')];
        $this->channel->exchange_declare($exchange, 'fanout', auto_delete: true);
        $this->channel->queue_declare($queue, auto_delete: true);
        $this->channel->queue_bind($queue, $exchange);
        $this->channel->basic_cancel($this->channel->basic_consume($queue, callback: fn () => null));
        $this->expectRefusal(404, 'no queue',
            fn () => $this->connection->channel()->queue_declare($queue, passive: true));
        $this->expectRefusal(404, 'no exchange',
            fn () => $this->connection->channel()->exchange_declare($exchange, '', passive: true));
    }

    public function testDeletingHonoursItsConditions(): void
    {
        $queue = $this->queue('delete');
        $this->publish('', $queue, 'x');
        $this->eventually(fn () => $this->channel->queue_declare($queue, passive: true)[1] === 1);
        $this->expectRefusal(406, "queue '$queue' in vhost '/' not empty",
            fn () => $this->connection->channel()->queue_delete($queue, if_empty: true));
        $other = $this->connection->channel();
        $this->collect($other, $queue);
        $this->expectRefusal(406, "queue '$queue' in vhost '/' in use",
            fn () => $this->connection->channel()->queue_delete($queue, if_unused: true));
        $other->close();
        self::assertSame(1, $this->channel->queue_delete($queue));
        self::assertSame(0, $this->channel->queue_delete($queue));
    }

    public function testPurgingReportsWhatItDropped(): void
    {
        $queue = $this->queue('purge');
        foreach (['1', '2', '3'] as $body) {
            $this->publish('', $queue, $body);
        }
        $this->get($queue);
        self::assertSame(2, $this->channel->queue_purge($queue));
        self::assertSame([], $this->bodies($queue));
    }

    public function testAnUnknownExchangeTypeIsRefused(): void
    {
        $connection = $this->connect();
        $this->expectRefusal(self::onRabbitMq3() ? 503 : 406, "unknown exchange type 'odd'",
            fn () => $connection->channel()->exchange_declare($this->unique('odd'), 'odd'));
        self::assertSame(!self::onRabbitMq3(), $connection->isConnected());
    }

    public function testDirectAndFanoutExchangesRoute(): void
    {
        $direct = $this->exchange('direct');
        [$red, $both] = [$this->bound($direct, 'red'), $this->bound($direct, 'red', 'blue')];
        $fanout = $this->exchange('fanout');
        $copies = [$this->bound($fanout, ''), $this->bound($fanout, 'a', 'b')];
        foreach (['red', 'blue', 'green'] as $key) {
            $this->publish($direct, $key, $key);
        }
        $this->publish($fanout, 'ignored', 'news');
        self::assertSame(['red'], $this->bodies($red));
        self::assertSame(['red', 'blue'], $this->bodies($both));
        foreach ($copies as $copy) {
            self::assertSame(['news'], $this->bodies($copy));
        }
    }

    public function testTopicExchangesKnowTheirWildcards(): void
    {
        $topic = $this->exchange('topic');
        [$star, $hash] = [$this->bound($topic, '*.error'), $this->bound($topic, 'app.#')];
        foreach (['app.error', 'error', 'app', 'app.db.slow'] as $key) {
            $this->publish($topic, $key, $key);
        }
        self::assertSame(['app.error'], $this->bodies($star));
        self::assertSame(['app.error', 'app', 'app.db.slow'], $this->bodies($hash));
    }

    public function testHeadersExchangesMatchAllOrAny(): void
    {
        $headers = $this->exchange('headers');
        $queues = [];
        foreach (['all', 'any'] as $match) {
            $queues[$match] = $this->queue($match);
            $this->channel->queue_bind($queues[$match], $headers, '', arguments: new AMQPTable(
                ['x-match' => $match, 'os' => 'linux', 'cores' => 8]));
        }
        $send = fn ($body, $table) => $this->publish($headers, '', $body, ['application_headers' => $table]);
        $send('both', ['os' => 'linux', 'cores' => 8, 'ram' => 64]);
        $send('one', ['os' => 'osx', 'cores' => 8]);
        $send('none', ['os' => 'Linux', 'cores' => '8']);
        self::assertSame(['both'], $this->bodies($queues['all']));
        self::assertSame(['both', 'one'], $this->bodies($queues['any']));
    }

    public function testExchangesBindToExchanges(): void
    {
        [$source, $target] = [$this->exchange('topic'), $this->exchange('fanout')];
        $this->channel->exchange_bind($target, $source, 'eu.#');
        $queue = $this->bound($target, '');
        $this->publish($source, 'eu.de', 'in');
        $this->publish($source, 'us.ny', 'out');
        self::assertSame(['in'], $this->bodies($queue));
        $this->channel->exchange_unbind($target, $source, 'eu.#');
        $this->publish($source, 'eu.de', 'unbound');
        self::assertSame([], $this->bodies($queue));
    }

    public function testAnAlternateExchangeTakesTheUnroutable(): void
    {
        $alternate = $this->exchange('fanout');
        $main = $this->exchange('direct', ['alternate-exchange' => $alternate]);
        [$known, $rest] = [$this->bound($main, 'known'), $this->bound($alternate, '')];
        $this->publish($main, 'known', 'k');
        $this->publish($main, 'unknown', 'u');
        self::assertSame([['k'], ['u']], [$this->bodies($known), $this->bodies($rest)]);
    }

    public function testUnbindingEndsTheFlow(): void
    {
        $fanout = $this->exchange('fanout');
        $queue = $this->bound($fanout, '', '');
        $this->publish($fanout, '', 'once');
        $this->channel->queue_unbind($queue, $fanout);
        $this->channel->queue_unbind($queue, $fanout);
        $this->publish($fanout, '', 'never');
        self::assertSame(['once'], $this->bodies($queue));
    }
}
