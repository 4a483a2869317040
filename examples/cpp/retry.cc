// Retry with dead lettering: a failed task waits a while, is tried again, and is set aside
// after three attempts. No clock and no memory of attempts in the worker: the queues do it.
//   retry work            do tasks until stopped; those that contain "bad" fail
//   retry send TASK...    hand in tasks

#include <array>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "connection.h"

constexpr const char* kQueue = "example.retry";
constexpr const char* kWait = "example.retry.wait";
constexpr const char* kFailed = "example.retry.failed";
constexpr std::int32_t kWaitMs = 500;
constexpr int kAttempts = 3;

amqp_table_entry_t string_argument(const char* key, const char* value) {
  amqp_table_entry_t entry{bytes(key), {}};
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes(value);
  return entry;
}

// Rejected tasks go from kQueue to kWait, and from there back when their time is over.
void declare(Connection& connection) {
  std::array queue{string_argument("x-dead-letter-exchange", ""),
                   string_argument("x-dead-letter-routing-key", kWait)};
  connection.declare_queue(kQueue, {queue.size(), queue.data()});

  amqp_table_entry_t time_to_live{bytes("x-message-ttl"), {}};
  time_to_live.value.kind = AMQP_FIELD_KIND_I32;
  time_to_live.value.value.i32 = kWaitMs;
  std::array wait{string_argument("x-dead-letter-exchange", ""),
                  string_argument("x-dead-letter-routing-key", kQueue), time_to_live};
  connection.declare_queue(kWait, {wait.size(), wait.data()});
  connection.declare_queue(kFailed);
}

const amqp_field_value_t* find(const amqp_table_t& table, const char* key) {
  for (int i = 0; i < table.num_entries; ++i) {
    if (text(table.entries[i].key) == key) return &table.entries[i].value;
  }
  return nullptr;
}

// How often the task was rejected before, as the broker has counted.
std::int64_t failures(const amqp_basic_properties_t& properties) {
  if (!(properties._flags & AMQP_BASIC_HEADERS_FLAG)) return 0;
  const auto* deaths = find(properties.headers, "x-death");
  if (!deaths || deaths->kind != AMQP_FIELD_KIND_ARRAY) return 0;
  std::int64_t count = 0;
  for (int i = 0; i < deaths->value.array.num_entries; ++i) {
    const auto& death = deaths->value.array.entries[i].value.table;
    const auto* queue = find(death, "queue");
    const auto* times = find(death, "count");
    if (queue && times && text(queue->value.bytes) == kQueue) count += times->value.i64;
  }
  return count;
}

void publish_persistent(Connection& connection, const char* queue, std::string_view body) {
  amqp_basic_properties_t persistent{};
  persistent._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  persistent.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  connection.publish("", queue, body, persistent);
}

void work(Connection& connection) {
  amqp_basic_qos(connection, Connection::kChannel, 0, 1, 0);
  connection.check();
  connection.consume(kQueue, /*no_ack=*/false);
  std::cout << "waiting for tasks" << std::endl;
  while (auto delivery = connection.next()) {
    const std::string task = text(delivery->message.body);
    const auto attempt = failures(delivery->message.properties) + 1;
    if (task.find("bad") == std::string::npos) {
      std::cout << "done: " << task << std::endl;
      connection.ack(*delivery);
    } else if (attempt < kAttempts) {
      std::cout << "attempt " << attempt << " failed: " << task << std::endl;
      amqp_basic_reject(connection, Connection::kChannel, delivery->delivery_tag, /*requeue=*/0);
    } else {
      std::cout << "giving up: " << task << std::endl;
      publish_persistent(connection, kFailed, task);
      connection.wait_for_confirm();
      connection.ack(*delivery);
    }
    amqp_destroy_envelope(&*delivery);
  }
}

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode != "work" && mode != "send") {
    std::cerr << "usage: retry work | send TASK...\n";
    return 1;
  }
  Connection connection;
  declare(connection);
  connection.confirm_select();
  if (mode == "work") {
    work(connection);
    return 0;
  }
  for (int i = 2; i < argc; ++i) {
    publish_persistent(connection, kQueue, argv[i]);
    connection.wait_for_confirm();
    std::cout << "sent: " << argv[i] << std::endl;
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
