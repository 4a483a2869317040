// Work queue: tasks are shared by any number of workers, each task done once.
//   work_queue work            take tasks until stopped
//   work_queue send TASK...    hand in tasks

#include <exception>
#include <iostream>
#include <string>

#include "connection.h"

constexpr const char* kQueue = "example.tasks";

void work(Connection& connection) {
  // One task at a time, so the load is shared fairly.
  amqp_basic_qos(connection, Connection::kChannel, 0, 1, 0);
  connection.check();
  connection.consume(kQueue, /*no_ack=*/false);
  std::cout << "waiting for tasks" << std::endl;
  while (auto task = connection.next()) {
    std::cout << "done: " << text(task->message.body) << std::endl;
    connection.ack(*task);  // only now does the broker forget the task
    amqp_destroy_envelope(&*task);
  }
}

void send(Connection& connection, int count, char** tasks) {
  amqp_basic_properties_t persistent{};
  persistent._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  persistent.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  connection.confirm_select();
  for (int i = 0; i < count; ++i) {
    connection.publish("", kQueue, tasks[i], persistent);
    connection.wait_for_confirm();
    std::cout << "sent: " << tasks[i] << std::endl;
  }
}

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode != "work" && mode != "send") {
    std::cerr << "usage: work_queue work | send TASK...\n";
    return 1;
  }
  Connection connection;
  connection.declare_queue(kQueue);
  if (mode == "work")
    work(connection);
  else
    send(connection, argc - 2, argv + 2);
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
