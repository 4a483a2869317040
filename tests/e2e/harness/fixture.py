"""The users, vhosts and policies that every broker under test starts with, as data."""
import base64
import hashlib
import json
import os

VHOSTS = ["/", "e2e", "policies"]

ALL = {"configure": ".*", "write": ".*", "read": ".*"}

USERS = [
    {
        "name": "guest",
        "password": "guest",
        "tags": ["administrator"],
        "permissions": [{"vhost": vhost, **ALL} for vhost in VHOSTS],
    },
    {
        "name": "limited",
        "password": "limited-pw",
        "tags": [],
        "permissions": [
            {
                "vhost": "/",
                "configure": "^limited",
                "write": r"^(limited|amq\.default|amq\.topic)",
                "read": r"^(limited|amq\.topic)",
            }
        ],
    },
    {"name": "nobody", "password": "nobody-pw", "tags": [], "permissions": []},
    {
        "name": "impersonator",
        "password": "impersonator-pw",
        "tags": ["impersonator"],
        "permissions": [{"vhost": "/", **ALL}],
    },
]


def _policy(name, pattern, definition, apply_to="queues", priority=0):
    return {
        "vhost": "policies",
        "name": name,
        "pattern": pattern,
        "apply_to": apply_to,
        "priority": priority,
        "definition": definition,
    }


POLICIES = [
    _policy("ttl", r"^ttl\.", {"message-ttl": 200}),
    _policy("maxlen", r"^maxlen\.", {"max-length": 3}),
    _policy("dlx", r"^dlx\.", {"dead-letter-exchange": "dlx.exchange"}),
    _policy("ae", r"^ae\.", {"alternate-exchange": "ae.alternate"}, apply_to="exchanges"),
    _policy("prio-loses", r"^prio\.", {"max-length": 5}, priority=1),
    _policy("prio-wins", r"^prio\.", {"max-length": 1}, priority=10),
    _policy("op-user", r"^op\.", {"max-length": 10}),
]

OPERATOR_POLICIES = [_policy("op-operator", r"^op\.", {"max-length": 2})]


def _toml_value(value):
    """TOML basic strings, integers, booleans and arrays are spelled as JSON spells them."""
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key)} = {_toml_value(each)}" for key, each in value.items()]
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value)


def _toml_tables(name, rows):
    lines = []
    for row in rows:
        lines.append(f"[[{name}]]")
        lines += [f"{key} = {_toml_value(value)}" for key, value in row.items()]
        lines.append("")
    return lines


def polymq_users_toml(users=None):
    return "\n".join(_toml_tables("users", USERS if users is None else users))


def polymq_config_toml(port, sqs_port, log_file, users_file):
    lines = [
        "[amqp]",
        f"listeners = {_toml_value([f'127.0.0.1:{port}'])}",
        "",
        "[sqs]",
        f"listeners = {_toml_value([f'127.0.0.1:{sqs_port}'])}",
        "",
        "[log]",
        'level = "info"',
        'format = "text"',
        f"file = {_toml_value(log_file)}",
        "",
        "[auth]",
        f"users_file = {_toml_value(users_file)}",
        "",
    ]
    lines += _toml_tables("vhosts", [{"name": vhost} for vhost in VHOSTS])
    lines += _toml_tables("policies", POLICIES)
    lines += _toml_tables("operator_policies", OPERATOR_POLICIES)
    return "\n".join(lines)


def _rabbitmq_hash(password):
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def rabbitmq_definitions():
    """The same fixture in the form RabbitMQ imports when it boots."""
    return {
        "users": [
            {
                "name": user["name"],
                "password_hash": _rabbitmq_hash(user["password"]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": user["tags"],
                "limits": {},
            }
            for user in USERS
        ],
        "vhosts": [{"name": vhost} for vhost in VHOSTS],
        "permissions": [
            {"user": user["name"], **permission}
            for user in USERS
            for permission in user["permissions"]
        ],
        "policies": [
            {("apply-to" if key == "apply_to" else key): value for key, value in policy.items()}
            for policy in POLICIES
        ],
        "parameters": [
            {
                "component": "operator_policy",
                "vhost": policy["vhost"],
                "name": policy["name"],
                "value": {
                    "pattern": policy["pattern"],
                    "apply-to": policy["apply_to"],
                    "priority": policy["priority"],
                    "definition": policy["definition"],
                },
            }
            for policy in OPERATOR_POLICIES
        ],
    }
