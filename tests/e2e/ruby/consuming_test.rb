# Consumers and queue features: prefetch, settling, cancelling, dead letters, limits, priorities.
# frozen_string_literal: true

require "scenario"

class ConsumingTest < Scenario
  def filled(count, **arguments)
    queue("filled", **arguments).tap { |queue| (1..count).each { |i| queue.publish(i.to_s) } }
  end

  def test_prefetch_limits_each_consumer
    channel.prefetch(2)
    inbox = Inbox.new(filled(5))
    assert_equal "1", inbox.next_body
    info, _, body = inbox.next
    assert_equal "2", body
    assert_nothing(inbox)
    channel.ack(info.delivery_tag, true)
    assert_equal %w[3 4], [inbox.next_body, inbox.next_body]
    assert_nothing(inbox)
  end

  def test_a_channels_prefetch_is_shared
    channel.basic_qos(3, true)
    used = filled(5)
    inboxes = [Inbox.new(used), Inbox.new(used)]
    eventually("three deliveries") { inboxes.sum { |inbox| inbox.arrived.size } == 3 }
    channel.exchange_declare("amq.direct", "direct", passive: true)
    assert_equal 3, inboxes.sum { |inbox| inbox.arrived.size }
  end

  def test_requeued_messages_keep_their_place
    used = filled(3)
    used.pop(manual_ack: true)
    second = used.pop(manual_ack: true)
    channel.nack(second[0].delivery_tag, true, true)
    info, _, body = pop_soon(used)
    assert_equal ["1", true], [body, info.redelivered?]
    assert_equal %w[2 3], bodies(used)
  end

  def test_reject_drops_or_requeues
    used = filled(2)
    channel.reject(used.pop(manual_ack: true)[0].delivery_tag, false)
    channel.reject(used.pop(manual_ack: true)[0].delivery_tag, true)
    assert_equal "2", pop_soon(used)[2]
    assert_equal [nil, nil, nil], used.pop
  end

  def test_get_takes_until_nothing_is_left
    used = filled(2)
    assert_equal %w[1 2], bodies(used)
    assert_equal [nil, nil, nil], used.pop
  end

  def test_an_unknown_tag_closes_the_channel
    told = Queue.new
    channel.on_error { |_, close| told << close }
    channel.basic_ack(9, false)
    close = Timeout.timeout(PATIENCE) { told.pop }
    assert_equal [406, "PRECONDITION_FAILED - unknown delivery tag 9"],
                 [close.reply_code, close.reply_text]
  end

  def test_recover_requeues_everything
    used = filled(1)
    inbox = Inbox.new(used)
    assert_equal "1", inbox.next_body
    channel.basic_recover(true)
    info, = inbox.next
    assert info.redelivered?
  end

  def test_deleting_a_queue_cancels_its_consumers
    doomed = queue("cancelled")
    cancelled = Queue.new
    consumer = Bunny::Consumer.new(channel, doomed, "watcher")
    consumer.on_cancellation { |cancel| cancelled << cancel.consumer_tag }
    doomed.subscribe_with(consumer)
    connection.create_channel.queue_delete(doomed.name)
    assert_equal "watcher", Timeout.timeout(PATIENCE) { cancelled.pop }
    channel.temporary_queue
  end

  def test_a_cancelled_consumer_keeps_what_it_holds
    channel.prefetch(1)
    used = filled(2)
    inbox = Inbox.new(used)
    held, = inbox.next
    inbox.consumer.cancel
    assert_equal %w[2], bodies(used)
    channel.ack(held.delivery_tag)
    assert_nothing(inbox)
    assert_equal 0, used.consumer_count
  end

  def test_an_exclusive_consumer_keeps_others_out
    used = queue("exclusive")
    used.subscribe(exclusive: true) { |*| nil }
    assert_refused(Bunny::AccessRefused, "queue '#{used.name}' in vhost '/' in exclusive use") do
      connection.create_channel.basic_consume(used.name)
    end
  end

  def test_higher_consumers_are_served_first
    channel.prefetch(1)
    used = queue("priority")
    low = Inbox.new(used)
    high = Inbox.new(used, arguments: { "x-priority" => 10 })
    %w[1 2].each { |body| used.publish(body) }
    assert_equal %w[1 2], [high.next_body, low.next_body]
  end

  def test_a_single_active_consumer_hands_over
    used = queue("single", x_single_active_consumer: true)
    other = connection.create_channel
    first = Inbox.new(other.queue(used.name, durable: true, arguments: used.arguments))
    second = Inbox.new(used)
    used.publish("1")
    assert_equal "1", first.next_body
    assert_nothing(second)
    other.close
    info, _, body = second.next
    assert_equal ["1", true], [body, info.redelivered?]
  end

  # A queue whose dead letters land in a second one: [work, dead].
  def with_dead_letters(**arguments)
    @dlx = exchange(:fanout)
    dead = bound(@dlx, "")
    [queue("work", x_dead_letter_exchange: @dlx.name, **arguments), dead]
  end

  def test_a_rejected_message_tells_its_history
    work, dead = with_dead_letters
    work.publish("broken", headers: { "mine" => 1 })
    channel.reject(work.pop(manual_ack: true)[0].delivery_tag, false)
    info, properties, = pop_soon(dead)
    assert_equal [@dlx.name, work.name], [info.exchange, info.routing_key]
    headers = properties.headers
    assert_equal [1, work.name, "rejected", ""],
                 headers.values_at("mine", "x-first-death-queue", "x-first-death-reason",
                                   "x-first-death-exchange")
    death = headers["x-death"].first
    assert_in_delta Time.now.to_i, death.delete("time").to_i, 60
    assert_equal({ "count" => 1, "reason" => "rejected", "queue" => work.name, "exchange" => "",
                   "routing-keys" => [work.name] }, death)
  end

  def test_expired_and_dropped_messages_are_dead_letters
    work, dead = with_dead_letters(x_max_length: 1)
    work.publish("first")
    work.publish("second", expiration: "20")
    dropped = pop_soon(dead)
    assert_equal %w[first maxlen], [dropped[2], dropped[1].headers["x-death"][0]["reason"]]
    expired = pop_soon(dead)
    assert_equal %w[second expired 20],
                 [expired[2], *expired[1].headers["x-death"][0].values_at("reason", "original-expiration")]
    assert_nil expired[1].expiration
  end

  def test_a_quorum_queue_gives_up_after_its_delivery_limit
    work, dead = with_dead_letters(x_queue_type: "quorum", x_delivery_limit: 1)
    work.publish("poison")
    inbox = Inbox.new(work)
    2.times { channel.reject(inbox.next[0].delivery_tag, true) }
    assert_equal "delivery_limit", pop_soon(dead)[1].headers["x-death"][0]["reason"]
  end

  def test_a_queues_time_to_live_empties_it
    used = queue("ttl", x_message_ttl: 20)
    used.publish("x")
    sleep 0.1
    assert_empty bodies(used)
  end

  def test_higher_priorities_leave_first
    used = queue("priorities", x_max_priority: 5)
    { "low" => 1, "high" => 5, "none" => 0, "over" => 9 }.each do |body, priority|
      used.publish(body, priority: priority)
    end
    assert_equal %w[high over low none], bodies(used)
  end
end
