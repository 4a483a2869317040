// What wraps around the members of an answer, and errors.
#include "sqs/protocol/writer.h"

#include "sqs/protocol/escape.h"
#include "sqs/protocol/value_writer.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kXmlns = " xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"";

void append(Buffer& out, std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) out.append(piece);
}

void write_xml_answer(Buffer& out, const ActionInfo& action, const void* answer,
                      std::string_view request_id) {
  append(out, {"<?xml version=\"1.0\"?><", action.name, "Response", kXmlns, ">"});
  if (action.has_result()) {
    append(out, {"<", action.name, "Result"});
    const std::size_t before = out.size();
    out.append(">");
    write_xml(out, *action.answer, answer);
    if (out.size() == before + 1) {
      out.truncate(before);
      out.append("/>");
    } else {
      append(out, {"</", action.name, "Result>"});
    }
  }
  append(out, {"<ResponseMetadata><RequestId>", request_id, "</RequestId></ResponseMetadata></",
               action.name, "Response>"});
}

void write_query_json_answer(Buffer& out, const ActionInfo& action, const void* answer,
                             std::string_view request_id) {
  append(out, {"{\"", action.name, "Response\":{"});
  if (action.has_result()) {
    append(out, {"\"", action.name, "Result\":"});
    write_json(out, *action.answer, answer, JsonNames::kElements);
    out.append(",");
  }
  append(out, {"\"ResponseMetadata\":{\"RequestId\":\"", request_id, "\"}}}"});
}

void write_json_error(Buffer& out, const ErrorRow& row, std::string_view message) {
  append(out,
         {"{\"__type\":\"", row.is_modeled ? "com.amazonaws.sqs#" : "com.amazon.coral.service#",
          row.shape, "\",\"message\":"});
  append_json_string(out, message);
  out.append("}");
}

void write_xml_error(Buffer& out, const ErrorRow& row, std::string_view fault,
                     std::string_view message, std::string_view request_id) {
  append(out, {"<?xml version=\"1.0\"?><ErrorResponse", kXmlns, "><Error><Type>", fault,
               "</Type><Code>", row.query_code, "</Code><Message>"});
  append_xml_text(out, message);
  append(out,
         {"</Message><Detail/></Error><RequestId>", request_id, "</RequestId></ErrorResponse>"});
}

void write_query_json_error(Buffer& out, const ErrorRow& row, std::string_view fault,
                            std::string_view message, std::string_view request_id) {
  append(out,
         {"{\"Error\":{\"Type\":\"", fault, "\",\"Code\":\"", row.query_code, "\",\"Message\":"});
  append_json_string(out, message);
  append(out, {",\"Detail\":null},\"RequestId\":\"", request_id, "\"}"});
}

}  // namespace

std::string_view content_type(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kJson:
      return "application/x-amz-json-1.0";
    case AnswerFormat::kXml:
      return "text/xml";
    case AnswerFormat::kQueryJson:
      return "application/json";
  }
  return {};
}

void write_answer(Buffer& out, AnswerFormat format, const ActionInfo& action, const void* answer,
                  std::string_view request_id) {
  switch (format) {
    case AnswerFormat::kJson:
      return write_json(out, *action.answer, answer, JsonNames::kMembers);
    case AnswerFormat::kXml:
      return write_xml_answer(out, action, answer, request_id);
    case AnswerFormat::kQueryJson:
      return write_query_json_answer(out, action, answer, request_id);
  }
}

std::string_view message_of(const SqsError& error, AnswerFormat format) {
  if (!error.message.empty()) return error.message;
  return default_message(error.code, format == AnswerFormat::kJson);
}

action::FailedEntry failed_entry(std::string_view id, const SqsError& error, AnswerFormat format) {
  const ErrorRow& row = row_of(error.code);
  return {.id = id,
          .sender_fault = !row.is_receiver_fault(),
          .code = row.query_code,
          .message = message_of(error, format)};
}

ErrorHead write_error(Buffer& out, AnswerFormat format, const SqsError& error,
                      std::string_view request_id) {
  const ErrorRow& row = row_of(error.code);
  const std::string_view fault = row.is_receiver_fault() ? "Receiver" : "Sender";
  const std::string_view message = message_of(error, format);
  if (format == AnswerFormat::kJson) {
    write_json_error(out, row, message);
  } else if (format == AnswerFormat::kQueryJson) {
    write_query_json_error(out, row, fault, message, request_id);
  } else if (error.code == ErrorCode::kNoAction) {
    out.append("<UnknownOperationException/>\n");
  } else {
    write_xml_error(out, row, fault, message, request_id);
  }
  return {row.status, row.query_code, fault, content_type(format)};
}

}  // namespace polymq::sqs
