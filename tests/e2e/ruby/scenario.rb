# What every test here shares: connections, unique names, cleaning up, waiting.
# frozen_string_literal: true

require "bunny"
require "logger"
require "minitest/autorun"
require "securerandom"
require "socket"
require "timeout"

class Scenario < Minitest::Test
  PATIENCE = 8
  # The few answers in which RabbitMQ 3 differs from RabbitMQ 4 and PolyMQ.
  ON_RABBITMQ_3 = ENV["BROKER"] == "rabbitmq"

  # Takes what bunny would otherwise throw into the main thread.
  class ErrorBox
    def initialize
      @errors = Queue.new
    end

    def raise(error, *)
      @errors << error
    end

    def next
      Timeout.timeout(PATIENCE) { @errors.pop }
    end
  end

  attr_reader :connection, :channel

  def setup
    @connections = []
    @names = []
    @connection = connect
    @channel = connection.create_channel
  end

  def teardown
    @connections.each { |open| open.close if open.open? }
    return if @names.empty?

    cleaner = Bunny.new(ENV.fetch("AMQP_URL"), logger: Logger.new(nil)).start
    remover = cleaner.create_channel
    @names.each do |name|
      remover.queue_delete(name)
      remover.exchange_delete(name)
    end
    cleaner.close
  end

  def options(**more)
    { logger: Logger.new(nil), automatically_recover: false, recover_from_connection_close: false,
      continuation_timeout: PATIENCE * 1000, **more }
  end

  def connect(**more)
    @connections << Bunny.new(ENV.fetch("AMQP_URL"), options(**more)).start
    @connections.last
  end

  def unique(hint)
    @names << "ruby-#{hint}-#{SecureRandom.uuid}"
    @names.last
  end

  def queue(hint = "queue", **arguments)
    channel.queue(unique(hint), durable: true, arguments: table(arguments))
  end

  def exchange(type, **arguments)
    channel.exchange(unique(type), type: type, durable: true, arguments: table(arguments))
  end

  # x_max_length: 1 becomes "x-max-length" => 1.
  def table(arguments)
    arguments.transform_keys { |key| key.to_s.tr("_", "-") }
  end

  def bound(exchange, *keys)
    keys.each_with_object(queue("bound")) { |key, queue| queue.bind(exchange, routing_key: key) }
  end

  def bodies(queue)
    Enumerator.produce { queue.pop[2] }.take_while { |body| body }
  end

  # One message that may take a moment to arrive.
  def pop_soon(queue)
    eventually("a message in #{queue.name}") do
      message = queue.pop
      message if message[0]
    end
  end

  def eventually(what)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE
    until (answer = yield)
      flunk "timed out waiting for #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.005
    end
    answer
  end

  # A consumer whose deliveries are taken one by one, as [delivery_info, properties, body].
  class Inbox
    attr_reader :arrived, :consumer

    def initialize(queue, **options)
      @arrived = Queue.new
      @consumer = queue.subscribe(manual_ack: true, **options) { |*message| @arrived << message }
    end

    def next
      Timeout.timeout(PATIENCE) { @arrived.pop }
    end

    def next_body
      self.next[2]
    end
  end

  # Checks after a round trip on the channel that nothing has come.
  def assert_nothing(inbox, channel = self.channel)
    channel.exchange_declare("amq.direct", "direct", passive: true)
    sleep 0.02
    assert_equal 0, inbox.arrived.size
  end

  # Runs a block that the broker must refuse by closing the channel.
  def assert_refused(error_class, text, &block)
    error = assert_raises(error_class, &block)
    assert_includes error.message, text
    error
  end

  # For methods without an answer: the broker must close the channel for this reason.
  def assert_closes(channel, text)
    yield
    eventually("the channel to close") { channel.closed? }
    error = assert_raises(Bunny::ChannelAlreadyClosed) { channel.temporary_queue }
    assert_includes error.message, text
  end

  # Passes bytes to the broker until told to cut every connection.
  class Relay
    attr_reader :port

    def initialize
      @server = TCPServer.new("127.0.0.1", 0)
      @port = @server.addr[1]
      @open = []
      @acceptor = Thread.new { accept }
    end

    def cut
      @open.each { |socket| socket.close unless socket.closed? }
      @open.clear
    end

    def stop
      @acceptor.kill
      @server.close
      cut
    end

    private

    def accept
      loop do
        pair = [@server.accept, TCPSocket.new(ENV.fetch("AMQP_HOST"), ENV.fetch("AMQP_PORT"))]
        pair.each { |socket| socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) }
        @open.concat(pair)
        [pair, pair.reverse].each { |from, to| Thread.new { pass(from, to) } }
      end
    end

    def pass(from, to)
      loop { to.write(from.readpartial(65_536)) }
    rescue IOError, SystemCallError
      [from, to].each { |socket| socket.close unless socket.closed? }
    end
  end
end
