// Publish/subscribe: every subscriber gets a copy of the events it asked for.
//   publish_subscribe subscribe PATTERN...    such as 'order.*' or '#'
//   publish_subscribe publish KEY TEXT        such as order.created 'order 42'

#include <exception>
#include <iostream>
#include <string>

#include "connection.h"

constexpr const char* kExchange = "example.events";

void subscribe(Connection& connection, int count, char** patterns) {
  // A queue of our own, named by the broker, gone when we leave.
  const auto* declared = amqp_queue_declare(connection, Connection::kChannel, amqp_empty_bytes, 0,
                                            0, /*exclusive=*/1, 0, amqp_empty_table);
  connection.check();
  const std::string queue = text(declared->queue);
  for (int i = 0; i < count; ++i) {
    amqp_queue_bind(connection, Connection::kChannel, bytes(queue), bytes(kExchange),
                    bytes(patterns[i]), amqp_empty_table);
    connection.check();
  }
  connection.consume(queue.c_str(), /*no_ack=*/true);
  std::cout << "waiting for events" << std::endl;
  while (auto event = connection.next()) {
    std::cout << text(event->routing_key) << ": " << text(event->message.body) << std::endl;
    amqp_destroy_envelope(&*event);
  }
}

void publish(Connection& connection, const char* key, const char* body) {
  connection.confirm_select();
  connection.publish(kExchange, key, body);
  connection.wait_for_confirm();
  std::cout << "published: " << key << std::endl;
}

int main(int argc, char** argv) try {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode != "subscribe" && (mode != "publish" || argc != 4)) {
    std::cerr << "usage: publish_subscribe subscribe PATTERN... | publish KEY TEXT\n";
    return 1;
  }
  Connection connection;
  amqp_exchange_declare(connection, Connection::kChannel, bytes(kExchange), bytes("topic"),
                        /*passive=*/0, /*durable=*/1, 0, 0, amqp_empty_table);
  connection.check();
  if (mode == "subscribe")
    subscribe(connection, argc - 2, argv + 2);
  else
    publish(connection, argv[2], argv[3]);
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
