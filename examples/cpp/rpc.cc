// Remote procedure call: a request to a queue, the reply straight back to the caller.
//   rpc serve       answer requests until stopped
//   rpc call N      ask for the Nth Fibonacci number (up to 93: it must fit 64 bits)

#include <cstdint>
#include <exception>
#include <iostream>
#include <random>
#include <string>

#include "connection.h"

constexpr const char* kQueue = "example.rpc";
constexpr const char* kReplyTo = "amq.rabbitmq.reply-to";  // direct: no reply queue is needed
constexpr int kTimeoutSeconds = 10;

std::uint64_t fibonacci(int n) {
  std::uint64_t a = 0, b = 1;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t sum = a + b;
    a = b;
    b = sum;
  }
  return a;
}

void serve(Connection& connection) {
  amqp_basic_qos(connection, Connection::kChannel, 0, 1, 0);
  connection.check();
  connection.consume(kQueue, /*no_ack=*/false);
  std::cout << "waiting for requests" << std::endl;
  while (auto request = connection.next()) {
    amqp_basic_properties_t reply{};
    reply._flags = AMQP_BASIC_CORRELATION_ID_FLAG;
    reply.correlation_id = request->message.properties.correlation_id;
    const int n = std::stoi(text(request->message.body));
    connection.publish("", text(request->message.properties.reply_to), std::to_string(fibonacci(n)),
                       reply);
    connection.ack(*request);
    amqp_destroy_envelope(&*request);
  }
}

void call(Connection& connection, const char* n) {
  connection.consume(kReplyTo, /*no_ack=*/true);  // before the request goes out
  const std::string id = std::to_string(std::random_device{}());
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
  properties.reply_to = bytes(kReplyTo);
  properties.correlation_id = bytes(id);
  connection.publish("", kQueue, n, properties);
  while (auto reply = connection.next(kTimeoutSeconds)) {
    const bool ours = text(reply->message.properties.correlation_id) == id;
    if (ours) std::cout << "fibonacci(" << n << ") = " << text(reply->message.body) << std::endl;
    amqp_destroy_envelope(&*reply);
    if (ours) return;
  }
  throw std::runtime_error("no reply");
}

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode != "serve" && (mode != "call" || argc != 3)) {
    std::cerr << "usage: rpc serve | call N\n";
    return 1;
  }
  Connection connection;
  connection.declare_queue(kQueue);
  if (mode == "serve")
    serve(connection);
  else
    call(connection, argv[2]);
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
