<?php
// Consumers and queue features: prefetch, settling, cancelling, dead letters, limits, priorities.

declare(strict_types=1);

use PhpAmqpLib\Exception\AMQPBasicCancelException;

final class ConsumingTest extends Scenario
{
    private string $dlx;
    private string $dead;

    private function filled(int $count, array $arguments = []): string
    {
        $queue = $this->queue('filled', $arguments);
        for ($i = 1; $i <= $count; $i++) {
            $this->publish('', $queue, (string) $i);
        }
        return $queue;
    }

    public function testPrefetchLimitsEachConsumer(): void
    {
        $queue = $this->filled(5);
        $this->channel->basic_qos(0, 2, false);
        $arrived = $this->collect($this->channel, $queue);
        [$first, $second] = $this->take($this->channel, $arrived, 2);
        self::assertSame(['1', '2'], [$first->getBody(), $second->getBody()]);
        $this->expectNothing($this->channel, $arrived);
        $second->ack(true);
        [$third, $fourth] = $this->take($this->channel, $arrived, 2);
        self::assertSame(['3', '4'], [$third->getBody(), $fourth->getBody()]);
        $this->expectNothing($this->channel, $arrived);
    }

    public function testRequeuedMessagesKeepTheirPlace(): void
    {
        $queue = $this->filled(3);
        $this->get($queue);
        $this->get($queue)->nack(true, true);
        $again = $this->getSoon($queue);
        self::assertSame(['1', true], [$again->getBody(), $again->isRedelivered()]);
        self::assertSame(['2', '3'], $this->bodies($queue));
    }

    public function testRejectDropsOrRequeues(): void
    {
        $queue = $this->filled(2);
        $this->get($queue)->reject(false);
        $this->get($queue)->reject(true);
        self::assertSame('2', $this->getSoon($queue)->getBody());
        self::assertNull($this->channel->basic_get($queue));
    }

    public function testGetTellsWhatIsLeft(): void
    {
        $queue = $this->filled(2);
        self::assertSame([1, 0],
            [$this->get($queue)->getMessageCount(), $this->get($queue)->getMessageCount()]);
        $this->expectRefusal(404, 'no queue', fn () => $this->channel->basic_get($this->unique('missing')));
    }

    public function testAnUnknownTagClosesTheChannel(): void
    {
        $this->expectClose(406, 'PRECONDITION_FAILED - unknown delivery tag 9',
            fn ($channel) => $channel->basic_ack(9));
    }

    public function testRecoverRequeuesEverything(): void
    {
        $queue = $this->filled(1);
        $arrived = $this->collect($this->channel, $queue);
        $this->take($this->channel, $arrived, 1);
        $this->channel->basic_recover(true);
        [$again] = $this->take($this->channel, $arrived, 1);
        self::assertTrue($again->isRedelivered());
    }

    public function testDeletingAQueueCancelsItsConsumers(): void
    {
        $queue = $this->queue('cancelled');
        $this->collect($this->channel, $queue);
        $this->connection->channel()->queue_delete($queue);
        $this->expectException(AMQPBasicCancelException::class);
        $this->channel->wait(null, false, self::PATIENCE);
    }

    public function testACancelledConsumerKeepsWhatItHolds(): void
    {
        $queue = $this->filled(2);
        $this->channel->basic_qos(0, 1, false);
        $arrived = $this->collect($this->channel, $queue);
        [$held] = $this->take($this->channel, $arrived, 1);
        $this->channel->basic_cancel($held->getConsumerTag());
        self::assertSame(['2'], $this->bodies($queue));
        $held->ack();
        self::assertSame([$queue, 0, 0], $this->channel->queue_declare($queue, passive: true));
    }

    public function testAnExclusiveConsumerKeepsOthersOut(): void
    {
        $queue = $this->queue('exclusive');
        $this->channel->basic_consume($queue, exclusive: true, callback: fn () => null);
        $this->expectRefusal(403, "queue '$queue' in vhost '/' in exclusive use",
            fn () => $this->connection->channel()->basic_consume($queue));
    }

    public function testHigherConsumersAreServedFirst(): void
    {
        $queue = $this->queue('priority');
        $this->channel->basic_qos(0, 1, false);
        $low = $this->collect($this->channel, $queue);
        $high = $this->collect($this->channel, $queue, ['x-priority' => 5]);
        $this->publish('', $queue, '1');
        $this->publish('', $queue, '2');
        self::assertSame('1', $this->take($this->channel, $high, 1)[0]->getBody());
        self::assertSame('2', $this->take($this->channel, $low, 1)[0]->getBody());
    }

    public function testASingleActiveConsumerHandsOver(): void
    {
        $queue = $this->queue('single', ['x-single-active-consumer' => true]);
        $other = $this->connection->channel();
        $first = $this->collect($other, $queue);
        $second = $this->collect($this->channel, $queue);
        $this->publish('', $queue, '1');
        $this->take($other, $first, 1);
        $this->expectNothing($this->channel, $second);
        $other->close();
        self::assertTrue($this->take($this->channel, $second, 1)[0]->isRedelivered());
    }

    /** A work queue whose dead letters land in $this->dead by way of $this->dlx. */
    private function work(array $arguments = []): string
    {
        $this->dlx = $this->exchange('fanout');
        $this->dead = $this->bound($this->dlx, '');
        return $this->queue('work', ['x-dead-letter-exchange' => $this->dlx] + $arguments);
    }

    public function testARejectedMessageTellsItsHistory(): void
    {
        $work = $this->work();
        $this->publish('', $work, 'broken', ['application_headers' => ['mine' => 1]]);
        $this->get($work)->reject(false);
        $message = $this->getSoon($this->dead);
        self::assertSame([$this->dlx, $work], [$message->getExchange(), $message->getRoutingKey()]);
        $headers = self::headers($message);
        self::assertSame([1, $work, 'rejected', ''], [$headers['mine'], $headers['x-first-death-queue'],
            $headers['x-first-death-reason'], $headers['x-first-death-exchange']]);
        $death = $headers['x-death'][0];
        self::assertEqualsWithDelta(time(), $death['time']->getTimestamp(), 60);
        unset($death['time']);
        self::assertEquals(['count' => 1, 'reason' => 'rejected', 'queue' => $work, 'exchange' => '',
            'routing-keys' => [$work]], $death);
    }

    public function testExpiredAndDroppedMessagesAreDeadLetters(): void
    {
        $work = $this->work(['x-max-length' => 1]);
        $this->publish('', $work, 'first');
        $this->publish('', $work, 'second', ['expiration' => '20']);
        $dropped = $this->getSoon($this->dead);
        self::assertSame(['first', 'maxlen'],
            [$dropped->getBody(), self::headers($dropped)['x-death'][0]['reason']]);
        $expired = $this->getSoon($this->dead);
        $death = self::headers($expired)['x-death'][0];
        self::assertSame(['second', 'expired', '20'],
            [$expired->getBody(), $death['reason'], $death['original-expiration']]);
        self::assertFalse($expired->has('expiration'));
    }

    public function testAQuorumQueueGivesUpAfterItsDeliveryLimit(): void
    {
        $work = $this->work(['x-queue-type' => 'quorum', 'x-delivery-limit' => 1]);
        $this->publish('', $work, 'poison');
        $arrived = $this->collect($this->channel, $work);
        for ($attempt = 0; $attempt < 2; $attempt++) {
            [$message] = $this->take($this->channel, $arrived, 1);
            self::assertSame($attempt, self::headers($message)['x-delivery-count'] ?? 0);
            $message->reject(true);
        }
        self::assertSame('delivery_limit',
            self::headers($this->getSoon($this->dead))['x-death'][0]['reason']);
    }

    public function testAQueuesTimeToLiveEmptiesIt(): void
    {
        $queue = $this->queue('ttl', ['x-message-ttl' => 20]);
        $this->publish('', $queue, 'x');
        usleep(100000);
        self::assertSame([], $this->bodies($queue));
    }

    public function testHigherPrioritiesLeaveFirst(): void
    {
        $queue = $this->queue('priorities', ['x-max-priority' => 5]);
        foreach (['low' => 1, 'high' => 5, 'none' => 0, 'over' => 9] as $body => $priority) {
            $this->publish('', $queue, $body, ['priority' => $priority]);
        }
        self::assertSame(['high', 'over', 'low', 'none'], $this->bodies($queue));
    }
}
