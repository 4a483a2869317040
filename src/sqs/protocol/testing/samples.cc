// Two elements wherever there is a list, so that numbers in names matter.
#include "sqs/protocol/testing/samples.h"

#include <cctype>

namespace polymq::sqs::testing {

namespace json = boost::json;

std::int64_t sample_number(const Field& field) { return field.has_range() ? field.max : 7; }

namespace {

std::string text_of(const Field& field, int number) {
  return std::string(field.name) + " & <" + std::to_string(number) + ">\r\n\xC3\xA9+%";
}

json::object sample_attribute(bool is_binary) {
  if (is_binary) return {{"BinaryValue", "AP8="}, {"DataType", "Binary.x"}};
  return {{"StringValue", "a=b"}, {"DataType", "String"}};
}

}  // namespace

json::value sample_value(const Field& field) {
  switch (field.kind) {
    case Kind::kText:
      return json::value(text_of(field, 0));
    case Kind::kInteger:
      return sample_number(field);
    case Kind::kBoolean:
      return true;
    case Kind::kTextList:
      return json::array{text_of(field, 1), text_of(field, 2)};
    case Kind::kTextMap:
      return json::object{{"one", text_of(field, 1)}, {"two", text_of(field, 2)}};
    case Kind::kMessageAttributes:
      return json::object{{"text", sample_attribute(false)}, {"bytes", sample_attribute(true)}};
    case Kind::kStructures:
      return json::array{sample_object(*field.structure), sample_object(*field.structure)};
  }
  return nullptr;
}

json::object sample_object(const Structure& structure) {
  json::object object;
  for (const Field& field : structure.fields) {
    object[{field.name.data(), field.name.size()}] = sample_value(field);
  }
  return object;
}

namespace {

void add_attributes(FormFields& form, const std::string& name) {
  form.emplace_back(name + ".1.Name", "text");
  form.emplace_back(name + ".1.Value.StringValue", "a=b");
  form.emplace_back(name + ".1.Value.DataType", "String");
  form.emplace_back(name + ".2.Name", "bytes");
  form.emplace_back(name + ".2.Value.BinaryValue", "AP8=");
  form.emplace_back(name + ".2.Value.DataType", "Binary.x");
}

}  // namespace

void add_sample(FormFields& form, const Field& field, const std::string& prefix) {
  const std::string name = prefix + std::string(field.query_name);
  const std::string key(field.map_key);
  switch (field.kind) {
    case Kind::kText:
      form.emplace_back(name, text_of(field, 0));
      break;
    case Kind::kInteger:
      form.emplace_back(name, std::to_string(sample_number(field)));
      break;
    case Kind::kBoolean:
      form.emplace_back(name, "true");
      break;
    case Kind::kTextList:
      for (int i : {1, 2}) form.emplace_back(name + "." + std::to_string(i), text_of(field, i));
      break;
    case Kind::kTextMap:
      for (int i : {1, 2}) {
        const std::string numbered = name + "." + std::to_string(i) + ".";
        form.emplace_back(numbered + key, i == 1 ? "one" : "two");
        form.emplace_back(numbered + "Value", text_of(field, i));
      }
      break;
    case Kind::kMessageAttributes:
      add_attributes(form, name);
      break;
    case Kind::kStructures:
      for (int i : {1, 2}) {
        for (const Field& inner : field.structure->fields) {
          add_sample(form, inner, name + "." + std::to_string(i) + ".");
        }
      }
      break;
  }
}

FormFields sample_form(const Structure& structure) {
  FormFields form;
  for (const Field& field : structure.fields) add_sample(form, field, "");
  return form;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (std::isalnum(octet) != 0 || c == '.' || c == '-' || c == '_') {
      encoded += c;
    } else if (c == ' ') {
      encoded += '+';
    } else {
      encoded.append({'%', kHex[octet >> 4], kHex[octet & 15]});
    }
  }
  return encoded;
}

std::string encoded(const FormFields& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text.append(percent_encoded(name)).append("=").append(percent_encoded(value));
  }
  return text;
}

}  // namespace polymq::sqs::testing
