// What a configuration means, which source wins, and what stops the start.
#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "server/config/sqs_queues.h"

namespace polymq::server::config {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

Loaded good(std::string_view toml, Sources sources = {}) {
  sources.file = "p.toml";
  auto loaded = load_text(sources, toml);
  EXPECT_TRUE(loaded) << to_text(loaded.error());
  return loaded.value_or(Loaded{});
}

std::string problems(std::string_view toml, Sources sources = {}) {
  sources.file = "p.toml";
  const auto loaded = load_text(sources, toml);
  return loaded ? "" : to_text(loaded.error());
}

TEST(Configuration, NothingAtAllIsAWorkingConfiguration) {
  const Config config = good("").config;
  EXPECT_THAT(config.amqp.endpoints, ElementsAre(Endpoint{"", 5672, false}));
  EXPECT_EQ(config.amqp.heartbeat, 60s);
  EXPECT_EQ(config.amqp.frame_max, 131072u);
  EXPECT_EQ(config.amqp.channel_max, 2047);
  EXPECT_EQ(config.amqp.initial_frame_max, 8192u);
  EXPECT_EQ(config.amqp.max_message_size, 134217728u);
  EXPECT_EQ(config.amqp.handshake_timeout, 10s);
  EXPECT_THAT(config.auth.mechanisms, ElementsAre("PLAIN", "AMQPLAIN"));
  EXPECT_THAT(config.auth.loopback_users, ElementsAre("guest"));
  EXPECT_EQ(config.auth.anonymous_user, "");
  EXPECT_EQ(config.limits.memory_high_watermark, (Watermark{.fraction = 0.6}));
  EXPECT_EQ(config.queues.delivery_limit, 20);
  EXPECT_TRUE(config.queues.permit_transient_nonexclusive);
  EXPECT_THAT(config.sqs.endpoints, ElementsAre(Endpoint{"", 9324, false}));
  EXPECT_EQ(config.sqs.idle_timeout, 120s);
  EXPECT_THAT(config.sqs.cors_origins, ElementsAre("localhost"));
  EXPECT_THAT(config.server.node_name, StartsWith("polymq@"));
  EXPECT_EQ(config.server.cluster_name, config.server.node_name);
  EXPECT_THAT(config.unavailable, IsEmpty());
}

TEST(Configuration, TheCommandLineBeatsTheEnvironmentBeatsTheFile) {
  const std::string_view file = "[amqp]\nport = 1\nbacklog = 1\nchannel_max = 1\n";
  const Sources sources{.environment = {{"POLYMQ_AMQP_PORT", "2"}, {"POLYMQ_AMQP_BACKLOG", "2"}},
                        .overrides = {{"amqp.port", "3", "--amqp-port"}}};
  const Loaded loaded = good(file, sources);
  EXPECT_EQ(loaded.config.amqp.port, 3);
  EXPECT_EQ(loaded.config.amqp.backlog, 2u);
  EXPECT_EQ(loaded.config.amqp.channel_max, 1);
  EXPECT_EQ(to_text(loaded.origins.at("amqp.port")), "command line --amqp-port");
  EXPECT_EQ(to_text(loaded.origins.at("amqp.backlog")), "environment POLYMQ_AMQP_BACKLOG");
  EXPECT_EQ(to_text(loaded.origins.at("amqp.channel_max")), "p.toml:4");
}

TEST(Configuration, ValuesOfEveryTypeAreRead) {
  const Config config = good(R"(
[server]
in_memory = true
shutdown_timeout = "1500ms"
[amqp]
listeners = ["127.0.0.1:5672", "unix:/run/p.sock"]
frame_max = 4096
max_message_size = "16MiB"
proxy_protocol_from = ["10.0.0.0/8"]
consumer_timeout = 0
[limits]
memory_high_watermark = "2GiB"
[log]
level = "warning"
areas = {auth = "debug"}
)")
                            .config;
  EXPECT_TRUE(config.server.in_memory);
  EXPECT_EQ(config.server.shutdown_timeout, 1500ms);
  EXPECT_THAT(config.amqp.endpoints,
              ElementsAre(Endpoint{"127.0.0.1", 5672, false}, Endpoint{"/run/p.sock", 0, true}));
  EXPECT_EQ(config.amqp.initial_frame_max, 4096u) << "never more than frame_max";
  EXPECT_EQ(config.amqp.max_message_size, 16u << 20);
  EXPECT_TRUE(config.amqp.proxy_networks.at(0).contains(parse_ip("10.1.2.3").value()));
  EXPECT_EQ(config.limits.memory_high_watermark, (Watermark{.bytes = 2ull << 30}));
  EXPECT_EQ(config.log.levels[static_cast<std::size_t>(log::Area::kAuth)], log::Level::kDebug);
  EXPECT_EQ(config.log.levels[static_cast<std::size_t>(log::Area::kServer)], log::Level::kWarning);
}

TEST(Configuration, TextFromTheEnvironmentStandsForAnyType) {
  const Sources sources{.environment = {{"POLYMQ_SERVER_IN_MEMORY", "true"},
                                        {"POLYMQ_AMQP_LISTENERS", "127.0.0.1:1, [::1]:2"},
                                        {"POLYMQ_AMQP_FRAME_MAX", "64KiB"},
                                        {"POLYMQ_LIMITS_MEMORY_HIGH_WATERMARK", "0.4"},
                                        {"POLYMQ_AUTH_LOOPBACK_USERS", ""}}};
  const Config config = good("[auth]\nloopback_users = [\"x\"]\n", sources).config;
  EXPECT_TRUE(config.server.in_memory);
  EXPECT_THAT(config.amqp.listeners, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(config.amqp.frame_max, 65536u);
  EXPECT_EQ(config.limits.memory_high_watermark, (Watermark{.fraction = 0.4}));
  EXPECT_THAT(config.auth.loopback_users, IsEmpty());
}

TEST(Configuration, PortZeroTurnsTheListenerOff) {
  EXPECT_THAT(good("[amqp]\nport = 0\n").config.amqp.endpoints, IsEmpty());
}

TEST(Configuration, VhostsAndPoliciesAreTables) {
  const Config config = good(R"(
[[vhosts]]
name = "shop"
max_queues = 0
[[vhosts]]
name = "/"
default_queue_type = "quorum"
[[policies]]
vhost = "shop"
name = "ttl"
pattern = "^tmp"
apply_to = "queues"
priority = 7
[policies.definition]
message-ttl = 60000
dead-letter-exchange = ""
[[operator_policies]]
name = "cap"
pattern = ".*"
definition = {max-length = 10}
)")
                            .config;
  ASSERT_EQ(config.vhosts.size(), 2u);
  EXPECT_EQ(config.vhosts[0].max_queues, 0);
  EXPECT_EQ(config.vhosts[0].max_connections, std::nullopt);
  EXPECT_EQ(config.vhosts[1].default_queue_type, "quorum");
  ASSERT_EQ(config.policies.size(), 1u);
  EXPECT_EQ(config.policies[0].priority, 7);
  ASSERT_EQ(config.policies[0].definition.size(), 2u);
  EXPECT_EQ(config.policies[0].definition[1].name, "message-ttl");
  EXPECT_EQ(*config.policies[0].definition[1].value.as_integer(), 60000);
  ASSERT_EQ(config.operator_policies.size(), 1u);
  EXPECT_EQ(config.operator_policies[0].vhost, "/");
  EXPECT_EQ(config.operator_policies[0].apply_to, "all");
}

TEST(Configuration, AnUnknownKeyNamesItsLineAndTheNearestName) {
  EXPECT_EQ(problems("[amqp]\nprot = 1\n"),
            "p.toml:2: amqp.prot: unknown key; did you mean 'amqp.port'?");
  EXPECT_EQ(problems("port = 1\n"), "p.toml:1: port: unknown key; did you mean 'amqp.port'?");
  EXPECT_EQ(problems("[server]\nheartbeat = \"1s\"\n"),
            "p.toml:2: server.heartbeat: unknown key; did you mean 'amqp.heartbeat'?");
  EXPECT_EQ(problems("[ampq]\nport = 1\n"), "p.toml:2: ampq: unknown table; did you mean 'amqp'?");
  EXPECT_EQ(problems("[cluster]\nseed = \"x\"\n"), "p.toml:2: cluster: unknown table");
  EXPECT_EQ(problems("[log.areas]\nconnections = \"info\"\n"),
            "p.toml:2: log.areas.connections: unknown key; did you mean 'log.areas.connection'?");
  EXPECT_EQ(problems("[[vhost]]\nname = \"a\"\n"),
            "p.toml:1: vhost: unknown table; did you mean 'vhosts'?");
  EXPECT_EQ(problems("[[vhosts]]\nname = \"a\"\nmax_quues = 1\n"),
            "p.toml:3: vhosts.max_quues: unknown key; did you mean 'max_queues'?");
}

TEST(Configuration, UnknownVariablesAndOptionsAreRefusedToo) {
  EXPECT_EQ(problems("", {.environment = {{"POLYMQ_AMQP_PROT", "1"}}}),
            "environment POLYMQ_AMQP_PROT: no setting has this variable; did you mean "
            "'POLYMQ_AMQP_PORT'?");
  EXPECT_EQ(problems("", {.overrides = {{"amqp.prot", "1", "--set"}}}),
            "command line --set: amqp.prot: unknown key; did you mean 'amqp.port'?");
}

TEST(Configuration, AWrongTypeOrAnImpossibleValueIsExplained) {
  const auto problem = [](const char* line) { return problems(std::string("[amqp]\n") + line); };
  EXPECT_EQ(problem("port = \"5672\""),
            "p.toml:2: amqp.port: expected a whole number from 0 to 65535, got the string "
            "\"5672\"");
  EXPECT_EQ(problem("port = 70000"),
            "p.toml:2: amqp.port: expected a whole number from 0 to 65535, got the number 70000");
  EXPECT_EQ(problem("port = 1979-05-27"),
            "p.toml:2: amqp.port: expected a whole number from 0 to 65535, got a date or time");
  EXPECT_EQ(problem("tcp_nodelay = \"yes\""),
            "p.toml:2: amqp.tcp_nodelay: expected true or false, got the string \"yes\"");
  EXPECT_EQ(problem("frame_max = 100"),
            "p.toml:2: amqp.frame_max: expected a size from 4KiB to 64MiB, got the number 100");
  EXPECT_EQ(problem("heartbeat = 30"),
            "p.toml:2: amqp.heartbeat: a duration needs a unit, as in \"30s\"");
  EXPECT_EQ(problem("heartbeat = \"1500ms\""),
            "p.toml:2: amqp.heartbeat: must be a whole number of seconds");
  EXPECT_THAT(problem("heartbeat = \"fast\""), HasSubstr("'fast' is not a duration"));
  EXPECT_THAT(problem("listeners = [\"localhost:1\"]"), HasSubstr("is not an endpoint"));
  EXPECT_THAT(problem("listeners = [1]"), HasSubstr("expected a list of strings, got a list"));
  EXPECT_THAT(problem("bind = \"here\""), HasSubstr("is not an IP address"));
  EXPECT_EQ(problems("amqp = 5"), "p.toml:1: amqp: must be a table");
  EXPECT_EQ(problems("[[amqp]]\nport = 1\n"), "p.toml:1: amqp: must be written as [amqp]");
  EXPECT_EQ(problems("vhosts = []"), "p.toml:1: vhosts: must be written as [[vhosts]]");
  EXPECT_EQ(problems("[queues]\ndefault_queue_type = \"quorom\"\n"),
            "p.toml:2: queues.default_queue_type: \"quorom\" is not one of classic, quorum; did "
            "you mean 'quorum'?");
  EXPECT_THAT(problems("[limits]\nmemory_high_watermark = 1.5\n"),
              HasSubstr("expected a fraction between 0 and 1 or a size of at least 16MiB"));
  EXPECT_EQ(problems("", {.environment = {{"POLYMQ_AMQP_PORT", "many"}}}),
            "environment POLYMQ_AMQP_PORT: amqp.port: expected a whole number from 0 to 65535, "
            "got 'many'");
}

TEST(Configuration, BrokenTomlNamesTheLine) {
  EXPECT_THAT(problems("[amqp]\nport = = 1\n"), StartsWith("p.toml:2: "));
  EXPECT_THAT(problems("[amqp]\nport = 1\nport = 2\n"), StartsWith("p.toml:3: "));
}

TEST(Configuration, AllProblemsAreToldAtOnce) {
  EXPECT_EQ(problems("[amqp]\nport = -1\n[log]\nlevel = \"loud\"\n"),
            "p.toml:2: amqp.port: expected a whole number from 0 to 65535, got the number -1\n"
            "p.toml:4: log.level: \"loud\" is not one of debug, info, warning, error, off");
}

TEST(Configuration, PoliciesAreCheckedAsFarAsPossible) {
  const auto problem = [](const std::string& lines) {
    return problems("[[policies]]\nname = \"p\"\n" + lines);
  };
  EXPECT_EQ(problem("pattern = \"a\"\n"), "p.toml:1: policies: needs 'definition'");
  EXPECT_THAT(problem("pattern = \"(\"\ndefinition = {expires = 1}"),
              StartsWith("p.toml:3: policies.pattern: '(' is not a valid pattern"));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {}"),
              AllOf(StartsWith("p.toml:4: "), HasSubstr("no policy provided")));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {message-tll = 1}"),
              HasSubstr("'message-tll' is not a key of policies; did you mean 'message-ttl'?"));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {expires = 0}"), HasSubstr("0 is not a valid"));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {max-length = \"1\"}"),
              HasSubstr("is not a valid maximum length"));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {overflow = \"drop-heads\"}"),
              HasSubstr("is not a valid"));
  EXPECT_THAT(problem("vhost = \"shop\"\npattern = \"\"\ndefinition = {expires = 1}"),
              StartsWith("p.toml:3: policies.vhost: there is no vhost 'shop'"));
  EXPECT_THAT(problem("pattern = \"\"\ndefinition = {expires = 1}\n[[policies]]\nname = \"p\"\n"
                      "pattern = \"x\"\ndefinition = {expires = 1}"),
              HasSubstr("p.toml:6: policies.name: 'p' is there twice in vhost '/'"));
  EXPECT_THAT(problems("[[operator_policies]]\nname = \"p\"\npattern = \"\"\n"
                       "definition = {dead-letter-exchange = \"x\"}"),
              HasSubstr("is not a key of operator policies"));
}

TEST(Configuration, PartsThatDoNotExistYetSayWhoAskedForThem) {
  const Sources sources{.overrides = {{"sqs.port", "0", "--sqs-port"}}};
  EXPECT_THAT(good("[metrics]\nport = 15692\n", sources).config.unavailable,
              ElementsAre("metrics is not available in this version; metrics.port (p.toml:2) has "
                          "no effect"));
}

TEST(Configuration, ListenersOfTlsAreThereWithACertificate) {
  const Config config =
      good("[tls]\ncertificate = \"c\"\nkey = \"k\"\n[amqp]\nbind = \"127.0.0.1\"\n").config;
  EXPECT_THAT(config.amqp.tls_endpoints, ElementsAre(Endpoint{"127.0.0.1", 5671, false}));
  EXPECT_THAT(config.sqs.tls_endpoints, ElementsAre(Endpoint{"127.0.0.1", 9325, false}));
  EXPECT_THAT(config.amqp.endpoints, ElementsAre(Endpoint{"127.0.0.1", 5672, false}));
  EXPECT_EQ(config.tls.lowest_version, "1.2");
  EXPECT_EQ(config.tls.client_certificates, "none");
  const Config own = good(
                         "[tls]\ncertificate = \"c\"\nkey = \"k\"\n[amqp]\nport = 0\n"
                         "tls_listeners = [\"[::1]:1\", \"unix:/run/s\"]\n[sqs]\ntls_port = 0\n")
                         .config;
  EXPECT_THAT(own.amqp.tls_endpoints,
              ElementsAre(Endpoint{"::1", 1, false}, Endpoint{"/run/s", 0, true}));
  EXPECT_THAT(own.amqp.endpoints, IsEmpty());
  EXPECT_TRUE(own.amqp.is_served());
  EXPECT_THAT(own.sqs.tls_endpoints, IsEmpty());
  EXPECT_THAT(good("").config.amqp.tls_endpoints, IsEmpty());
}

TEST(Configuration, HalfOfTlsIsAMistake) {
  EXPECT_EQ(problems("[tls]\ncertificate = \"c\"\n"), "p.toml:2: tls.certificate: needs tls.key");
  EXPECT_EQ(problems("[tls]\nkey = \"k\"\n"), "p.toml:2: tls.key: needs tls.certificate");
  EXPECT_THAT(problems("[tls]\nclient_certificates = \"required\"\n"),
              StartsWith("p.toml:2: tls.client_certificates: needs tls.ca"));
  EXPECT_EQ(problems("[sqs]\ntls_listeners = [\"*:1\"]\n"),
            "p.toml:2: sqs.tls_listeners: needs tls.certificate");
  EXPECT_THAT(problems("[tls]\nlowest_version = \"1.1\"\n"), HasSubstr("is not one of 1.2, 1.3"));
  EXPECT_THAT(good("[amqp]\ntls_port = 5671\n").config.unavailable,
              ElementsAre("amqp.tls_port (p.toml:2) has no effect without tls.certificate"));
}

TEST(Configuration, SqsListensWhereItIsTold) {
  const Config config = good("[sqs]\nport = 9324\nbind = \"127.0.0.1\"\n").config;
  EXPECT_THAT(config.sqs.endpoints, ElementsAre(Endpoint{"127.0.0.1", 9324, false}));
  EXPECT_THAT(good("[sqs]\nport = 0\n").config.sqs.endpoints, IsEmpty());
  EXPECT_THAT(good("[sqs]\nlisteners = [\"unix:/run/sqs\"]\n").config.sqs.endpoints,
              ElementsAre(Endpoint{"/run/sqs", 0, true}));
  const Config together = good("[sqs]\nport = 1\n[amqp]\nbind = \"127.0.0.1\"\n").config;
  EXPECT_EQ(together.sqs.endpoints.at(0).address, "127.0.0.1") << "as for AMQP";
  EXPECT_EQ(good("[sqs]\nport = 1\nbind = \"*\"\n[amqp]\nbind = \"127.0.0.1\"\n")
                .config.sqs.endpoints.at(0)
                .address,
            "");
  EXPECT_THAT(problems("[sqs]\ncors_origins = [\"example.com\"]\n"),
              HasSubstr("sqs.cors_origins: "));
}

TEST(Configuration, SqsHasItsAddressesAndItsUsers) {
  const Config config = good("").config;
  EXPECT_EQ(config.sqs.vhost, "/");
  EXPECT_EQ(config.sqs.account, "000000000000");
  EXPECT_EQ(config.sqs.region, "us-east-1");
  EXPECT_EQ(config.sqs.user, "guest");
  EXPECT_FALSE(config.sqs.verifies());
  EXPECT_FALSE(config.sqs.trusts_proxy);
  EXPECT_TRUE(good("[sqs]\nauth = \"required\"\nkeys_file = \"k\"\n").config.sqs.verifies());
  for (const auto& [line, problem] : std::vector<std::pair<std::string, std::string>>{
           {"account = \"1234\"", "must be 12 digits"},
           {"region = \"here\"", "is not like us-east-1"},
           {"public_url = \"sqs.example.com\"", "must be like https://sqs.example.com"},
           {"public_url = \"http://a b\"", "must be like"},
           {"public_url = \"https:///queues\"", "must be like"},
           {"public_url = \"https://a?b\"", "must be like"},
           {"auth = \"maybe\"", "is not one of none, required"},
           {"auth = \"required\"", "needs access keys: set sqs.keys_file"},
           {"vhost = \"shop\"", "there is no vhost 'shop'"}}) {
    const std::string key = line.substr(0, line.find(' '));
    EXPECT_THAT(problems("[sqs]\n" + line),
                AllOf(StartsWith("p.toml:2: sqs." + key), HasSubstr(problem)));
  }
  for (const char* url : {"https://sqs.example.com", "http://a:9324/queues/", "http://[::1]:1"}) {
    EXPECT_EQ(good("[sqs]\npublic_url = \"" + std::string(url) + "\"").config.sqs.public_url, url);
  }
  EXPECT_EQ(good("[sqs]\nvhost = \"shop\"\n[[vhosts]]\nname = \"shop\"").config.sqs.vhost, "shop");
}

TEST(Configuration, QueuesOfSqsAreTablesWithinItsSection) {
  const Config config = good(
                            "[sqs]\nport = 9324\n"
                            "[[sqs.queues]]\nname = \"orders\"\n"
                            "attributes = {VisibilityTimeout = 5, DelaySeconds = \"1\"}\n"
                            "tags = {team = \"shop\"}\n"
                            "dead_letter_queue = \"dead\"\nmax_receive_count = 3\n"
                            "[[sqs.queues]]\nname = \"dead\"\n"
                            "[sqs.queues.attributes]\nSqsManagedSseEnabled = false\n"
                            "RedriveAllowPolicy = {redrivePermission = \"byQueue\", "
                            "sourceQueueArns = [\"arn:aws:sqs:us-east-1:000000000000:orders\"]}\n")
                            .config;
  ASSERT_EQ(config.sqs.queues.size(), 2u);
  using Text = std::pair<std::string, std::string>;
  const auto orders = check_sqs_queue(config.sqs, config.sqs.queues[0]);
  ASSERT_TRUE(orders) << orders.error().text;
  EXPECT_THAT(orders->attributes,
              UnorderedElementsAre(
                  Text("VisibilityTimeout", "5"), Text("DelaySeconds", "1"),
                  Text("RedrivePolicy",
                       R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead",)"
                       R"("maxReceiveCount":3})")));
  EXPECT_THAT(orders->tags, ElementsAre(Text("team", "shop")));
  const auto dead = check_sqs_queue(config.sqs, config.sqs.queues[1]);
  ASSERT_TRUE(dead) << dead.error().text;
  EXPECT_THAT(dead->attributes,
              UnorderedElementsAre(
                  Text("SqsManagedSseEnabled", "false"),
                  Text("RedriveAllowPolicy", R"({"redrivePermission":"byQueue","sourceQueueArns":)"
                                             R"(["arn:aws:sqs:us-east-1:000000000000:orders"]})")));
}

TEST(Configuration, AQueueThatSqsWouldRefuseStopsTheStart) {
  const auto problem = [](const std::string& rest) {
    return problems("[[sqs.queues]]\nname = \"q\"\n" + rest);
  };
  EXPECT_EQ(problem(""), "");
  EXPECT_THAT(
      problem("attributes = {VisibilityTimeout = 43201}"),
      AllOf(StartsWith("p.toml:3: sqs.queues.attributes: "), HasSubstr("VisibilityTimeout")));
  EXPECT_THAT(problem("attributes = {Nonsense = 1}"), HasSubstr("Unknown Attribute Nonsense."));
  EXPECT_THAT(problem("attributes = {DelaySeconds = 1.5}"), HasSubstr("expected a string"));
  EXPECT_THAT(problem("tags = {a = 1}"), StartsWith("p.toml:3: sqs.queues.tags: a: expected"));
  EXPECT_THAT(problem("tags = {\"aws:a\" = \"1\"}"), HasSubstr("must not begin with aws:"));
  EXPECT_THAT(problem("max_receive_count = 1001"), HasSubstr("sqs.queues.max_receive_count"));
  EXPECT_THAT(problem("attribute = {}"), HasSubstr("did you mean 'attributes'?"));
  EXPECT_THAT(problem("[[sqs.queues]]\nname = \"q\""), HasSubstr("'q' is there twice"));
  EXPECT_THAT(problems("[[sqs.queues]]\nname = \"not legal\""),
              StartsWith("p.toml:1: sqs.queues.attributes: Can only include"));
  EXPECT_THAT(problems("[[sqs.queues]]\nname = \"q.fifo\""), Not(HasSubstr("Can only include")))
      << "the name makes it a FIFO queue";
  EXPECT_THAT(problems("[[sqs.queues]]\nattributes = {}"), HasSubstr("needs 'name'"));
  EXPECT_THAT(problems("[sqs.queues]\nname = \"q\""),
              HasSubstr("must be written as [[sqs.queues]]"));
  EXPECT_THAT(problems("[sqs]\nqueues = \"q\""), HasSubstr("must be written as [[sqs.queues]]"));
  EXPECT_THAT(problem("dead_letter_queue = \"d\"\nattributes = {RedrivePolicy = {}}"),
              HasSubstr("p.toml:3: sqs.queues.dead_letter_queue: "));
}

TEST(Configuration, AMissingFileIsOneClearLine) {
  const auto loaded = load({.file = "/no/such/polymq.toml"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(to_text(loaded.error()),
            "/no/such/polymq.toml: cannot read the file: No such file or directory");
  EXPECT_FALSE(load({.file = "/"}));
}

TEST(Configuration, OnlyOurVariablesAreTakenAndServiceLinksOfKubernetesAreNot) {
  const std::array<const char*, 8> environment{"HOME=/root",
                                               "POLYMQ_AMQP_PORT=5673",
                                               "POLYMQ_CONFIG=x",
                                               "POLYMQ_PORT=tcp://10.0.0.1:5672",
                                               "POLYMQ_SERVICE_HOST=10.0.0.1",
                                               "POLYMQ_PORT_5672_TCP_ADDR=10.0.0.1",
                                               "POLYMQ_LOG_LEVEL=debug",
                                               nullptr};
  using Variable = std::pair<std::string, std::string>;
  EXPECT_THAT(settings_of(environment.data()), ElementsAre(Variable{"POLYMQ_AMQP_PORT", "5673"},
                                                           Variable{"POLYMQ_LOG_LEVEL", "debug"}));
}

TEST(Configuration, TellsWhichChangesNeedARestart) {
  const Config before = good("").config;
  const Config after =
      good("[amqp]\nport = 1\n[log]\nlevel = \"debug\"\n[[vhosts]]\nname = \"a\"\n").config;
  EXPECT_THAT(restart_needed(before, after), ElementsAre("amqp.port", "vhosts"));
  const Config queues = good("[[sqs.queues]]\nname = \"q\"\n").config;
  EXPECT_THAT(restart_needed(before, queues), ElementsAre("sqs.queues"));
  const Config policies =
      good("[[policies]]\nname = \"p\"\npattern = \"\"\ndefinition = {expires = 1}\n").config;
  EXPECT_THAT(restart_needed(before, policies), IsEmpty());
  const Config secured = good("[tls]\ncertificate = \"c\"\nkey = \"k\"\n").config;
  EXPECT_THAT(restart_needed(before, secured), ElementsAre("tls.certificate"));
  const Config renewed = good("[tls]\ncertificate = \"d\"\nkey = \"k\"\n").config;
  EXPECT_THAT(restart_needed(secured, renewed), IsEmpty());
}

}  // namespace
}  // namespace polymq::server::config
