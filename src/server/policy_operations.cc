// Policies of operators: from JSON to the control shard, and what it knows to JSON.
#include "server/policy_operations.h"

#include <string>
#include <utility>
#include <variant>

#include "engine/policy.h"
#include "server/control_json.h"

namespace polymq::server {
namespace {

using engine::PolicyAuthor;
using Json = nlohmann::ordered_json;

engine::Value to_value(const Json& json);

engine::Fields to_fields(const Json& object) {
  engine::Fields fields;
  for (const auto& [name, value] : object.items()) fields.push_back({name, to_value(value)});
  return fields;
}

engine::Value to_value(const Json& json) {
  if (json.is_boolean()) return engine::Value::boolean(json.get<bool>());
  if (json.is_string()) return engine::Value::string(json.get<std::string>());
  if (json.is_object()) return engine::Value::table(to_fields(json));
  // Beyond 63 bits it is no integer of any key.
  if (json.is_number_integer() &&
      (!json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX)) {
    return engine::Value::integer(json.get<std::int64_t>());
  }
  if (json.is_number()) return engine::Value::real(json.get<double>());
  if (!json.is_array()) return {};
  std::vector<engine::Value> values;
  for (const Json& one : json) values.push_back(to_value(one));
  return engine::Value::array(std::move(values));
}

Json to_json(const engine::Value& value);

Json to_json(const engine::Fields& fields) {
  Json object = Json::object();
  for (const engine::Field& field : fields) object[field.name] = to_json(field.value);
  return object;
}

/// Of a kind that policies have.
Json to_json(const engine::Value& value) {
  if (const auto* flag = value.as_bool()) return *flag;
  if (const auto* number = value.as_integer()) return *number;
  if (const auto* text = value.as_string()) return *text;
  if (const auto* table = value.as_table()) return to_json(*table);
  return engine::to_text(value);
}

Json to_json(const engine::Policy& policy) {
  return {{"vhost", policy.vhost},
          {"name", policy.name},
          {"pattern", policy.pattern.text()},
          {"apply-to", to_text(policy.apply_to)},
          {"definition", to_json(policy.definition)},
          {"priority", policy.priority},
          {"origin", policy.at_run_time ? "runtime" : "configuration"}};
}

Result<engine::Policy> to_policy(PolicyAuthor author, const Json& given) {
  const Json& definition = given.at("definition");
  if (!definition.is_object()) return fail("a policy's definition is a JSON object");
  const auto vhost = given.at("vhost").get<std::string>();
  const auto name = given.at("name").get<std::string>();
  const auto pattern = given.at("pattern").get<std::string>();
  const auto apply_to = given.value("apply-to", "all");
  return engine::make_policy(author, {.vhost = vhost,
                                      .name = name,
                                      .pattern = pattern,
                                      .apply_to = apply_to,
                                      .priority = given.value("priority", std::int64_t{0}),
                                      .definition = to_fields(definition)});
}

/// The answer comes when all shards have it.
void administer(ShardRuntime& control, decltype(engine::ControlRequest::what) what,
                ControlAnswer answer) {
  control.begin_turn();
  control.shard().administer(
      std::move(what), [answer = std::move(answer)](engine::ReplyBody& body) {
        const auto* error = std::get_if<engine::EngineError>(&body);
        answer(error == nullptr ? Result<std::string>("") : fail(error->text));
      });
}

void set_policy(ShardRuntime& control, PolicyAuthor author, const Json& given,
                const ControlAnswer& answer) {
  auto policy = to_policy(author, given);
  if (!policy) return answer(tl::make_unexpected(policy.error()));
  administer(control, engine::SetPolicy{author, *std::move(policy)}, answer);
}

void clear_policy(ShardRuntime& control, PolicyAuthor author, const Json& given,
                  const ControlAnswer& answer) {
  administer(control,
             engine::ClearPolicy{given.at("vhost").get<std::string>(), author,
                                 given.at("name").get<std::string>()},
             answer);
}

/// Those that are in force.
void list_policies(ShardRuntime& control, PolicyAuthor author, const Json& given,
                   const ControlAnswer& answer) {
  const auto name = given.at("vhost").get<std::string>();
  const engine::Vhost* vhost = control.shard().topology().vhost(name);
  if (vhost == nullptr) return answer(fail("no vhost '" + name + "'"));
  Json list = Json::array();
  if (vhost->policies != nullptr) {
    for (const engine::Policy& policy : vhost->policies->of(author))
      list.push_back(to_json(policy));
  }
  answer(to_text(list));
}

using Operation = void (*)(ShardRuntime& control, PolicyAuthor author, const Json& given,
                           const ControlAnswer& answer);

ControlCommand make_command(ShardRuntime& control, PolicyAuthor author, Operation operation) {
  return [&control, author, operation](const std::string& argument, const ControlAnswer& answer) {
    try {
      operation(control, author, Json::parse(argument), answer);
    } catch (const Json::exception& wrong) {
      answer(not_understood(wrong));
    }
  };
}

}  // namespace

ControlCommands make_policy_operations(ShardRuntime& control) {
  using enum PolicyAuthor;
  return {
      {"set_policy", make_command(control, kUser, set_policy)},
      {"clear_policy", make_command(control, kUser, clear_policy)},
      {"list_policies", make_command(control, kUser, list_policies)},
      {"set_operator_policy", make_command(control, kOperator, set_policy)},
      {"clear_operator_policy", make_command(control, kOperator, clear_policy)},
      {"list_operator_policies", make_command(control, kOperator, list_policies)},
  };
}

}  // namespace polymq::server
