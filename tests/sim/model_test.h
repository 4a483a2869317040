// A model with one message, for tests of its checks.
#pragma once

#include <gtest/gtest.h>

#include "model.h"
#include "workload.h"

namespace polymq::sim {

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() : model_(workloads().front()) {
    vhost_.id = 1;
    entry_.id = 5;
    entry_.vhost = &vhost_;
    entry_.name = "plain.0";
    Published published;
    published.body_size = 20;
    id_ = model_.published(std::move(published));
    model_.routed(id_, entry_, true);
    message_ = engine::Message::create({.body_size = 20}, meter_);
    Model::fill_body(id_, message_->body_space(), 20);
  }
  ~ModelTest() override { message_->release(meter_); }

  CopyKey deliver(std::uint16_t acquired = 0, std::uint16_t failed = 0) {
    return model_.delivered({message_, acquired, failed, acquired != 0}, entry_.id);
  }
  void end() { model_.check_end({entry_.id}, {vhost_.id}); }

  engine::MemoryMeter meter_;
  engine::Vhost vhost_;
  engine::QueueEntry entry_;
  Model model_;
  MessageId id_ = 0;
  engine::Message* message_ = nullptr;
};

}  // namespace polymq::sim
