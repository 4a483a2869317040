# Completion of polymq for fish. Options come from the program's own --help, so they are never old.

function __polymq_command --description "Commands given so far"
    for part in (commandline -opc)[2..-1]
        if contains -- $part server config init show check reference hash-password \
                make-access-key backup store dump repair usage list-queues perf version run \
                fanout fill-drain rpc \
                declares connections idle relay sqs set-policy clear-policy list-policies \
                set-operator-policy clear-operator-policy list-operator-policies
            echo $part
        end
    end
end

function __polymq_options --description "Options of the command given so far"
    set -l command (__polymq_command)
    test -n "$command"; or set command server
    polymq $command --help 2>/dev/null |
        string replace -rf '^ +(?:-.,)?(--[a-z][a-z0-9-]*)(?: \S+)*(?: {2,}(.*))?$' '$1\t$2'
end

function __polymq_at --description "Whether the commands so far are exactly these"
    test "$(string join ' ' -- (__polymq_command))" = "$argv"
end

complete -c polymq -f
complete -c polymq -n '__polymq_at' -a server -d 'Run the broker'
complete -c polymq -n '__polymq_at' -a config -d 'Print, show or check configuration'
complete -c polymq -n '__polymq_at' -a hash-password -d 'Hash a password for a users file'
complete -c polymq -n '__polymq_at' -a make-access-key -d 'Print a new access key for a keys file'
complete -c polymq -n '__polymq_at' -a perf -d 'Load a server and measure it'
complete -c polymq -n '__polymq_at' -a version -d 'Print the version'
complete -c polymq -n '__polymq_at' -a backup -d 'Copy the data folder, used by a broker or not'
complete -c polymq -n '__polymq_at backup' -xa '(__fish_complete_directories)'
complete -c polymq -n '__polymq_at' -a list-queues -d 'List the queues of a running node'
complete -c polymq -n '__polymq_at' -a set-policy -d 'Set a policy of a running node'
complete -c polymq -n '__polymq_at' -a clear-policy -d 'Take a policy of a running node away'
complete -c polymq -n '__polymq_at' -a list-policies -d 'List the policies of a running node'
complete -c polymq -n '__polymq_at' -a set-operator-policy -d 'Set limits that users cannot exceed'
complete -c polymq -n '__polymq_at' -a clear-operator-policy -d 'Take an operator policy away'
complete -c polymq -n '__polymq_at' -a list-operator-policies -d 'List the operator policies'
complete -c polymq -n '__polymq_at' -a store -d 'Check, repair or dump a data folder'
complete -c polymq -n '__polymq_at store' -a check -d 'Tell what is damaged'
complete -c polymq -n '__polymq_at store' -a usage -d 'What takes the space of one in use'
complete -c polymq -n '__polymq_at store' -a repair -d 'Make a damaged folder whole again'
complete -c polymq -n '__polymq_at store' -a dump -d 'Print every record of the journal'
complete -c polymq -n '__polymq_at config' -a init -d 'Print every key with its default'
complete -c polymq -n '__polymq_at config' -a show -d 'Print what would be used'
complete -c polymq -n '__polymq_at config' -a check -d 'Check a configuration'
complete -c polymq -n '__polymq_at config' -a reference -d 'Print the reference of all keys'
complete -c polymq -n '__polymq_at perf' -a run -d 'Producers and consumers at the same time'
complete -c polymq -n '__polymq_at perf' -a fanout -d 'One fanout exchange, a consumer a queue'
complete -c polymq -n '__polymq_at perf' -a fill-drain -d 'Fill a queue, then drain it'
complete -c polymq -n '__polymq_at perf' -a rpc -d 'Request and reply'
complete -c polymq -n '__polymq_at perf' -a declares -d 'Declare queues on one connection'
complete -c polymq -n '__polymq_at perf' -a connections -d 'Open and close connections'
complete -c polymq -n '__polymq_at perf' -a idle -d 'Hold idle connections or queues'
complete -c polymq -n '__polymq_at perf' -a relay -d 'Pass messages on without a broker'
complete -c polymq -n '__polymq_at perf' -a sqs -d 'Send, receive and delete on an SQS server'
complete -c polymq -n 'string match -q -- "-*" (commandline -ct)' -a '(__polymq_options)'
complete -c polymq -n '__polymq_at config check' -F
complete -c polymq -s c -l config -rF
complete -c polymq -s o -l output -rF
complete -c polymq -l json-file -rF
complete -c polymq -l tls-certificate -rF
complete -c polymq -l tls-key -rF
complete -c polymq -l control-socket -rF
complete -c polymq -l data-dir -xa '(__fish_complete_directories)'
complete -c polymq -l log-level -xa 'debug info warning error off'
