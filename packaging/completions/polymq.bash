# Completion of polymq for bash. Options come from the program's own --help, so they are never old.

_polymq_options() {  # COMMAND...: the long options of that command
  polymq "$@" --help 2>/dev/null | sed -nE 's/^ +(-.,)?(--[a-z][a-z0-9-]*).*/\2/p'
}

_polymq() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=() part choices
  for part in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $part in
      server | config | init | show | check | reference | hash-password | make-access-key | \
        backup | store | dump | repair | usage | list-queues | perf | version | run | fanout | \
        fill-drain | rpc | \
        declares | connections | idle | relay | sqs | set-policy | clear-policy | list-policies | \
        set-operator-policy | clear-operator-policy | list-operator-policies)
        command+=("$part") ;;
    esac
  done
  COMPREPLY=()
  case $previous in
    --config | -c | --output | -o | --json-file | --tls-certificate | --tls-key | \
      --control-socket)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    --data-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --log-level) choices="debug info warning error off" ;;
    *)
      case "${command[*]}" in
        "")
          choices="server config hash-password make-access-key backup store perf version"
          choices+=" list-queues set-policy clear-policy list-policies set-operator-policy"
          choices+=" clear-operator-policy list-operator-policies"
          choices+=" $(_polymq_options server)" ;;
        config) choices="init show check reference" ;;
        store) choices="check usage repair dump" ;;
        "store check" | "store usage" | "store repair" | "store dump")
          mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -W "--help" -- "$word")
          return ;;
        backup)
          mapfile -t COMPREPLY < <(
            compgen -d -- "$word"; compgen -W "$(_polymq_options backup)" -- "$word")
          return ;;
        "config check")
          mapfile -t COMPREPLY < <(compgen -f -- "$word"; compgen -W "--help" -- "$word")
          return ;;
        perf)
          choices="run fanout fill-drain rpc declares connections idle relay sqs"
          choices+=" $(_polymq_options perf)" ;;
        "perf "*) choices="$(_polymq_options "${command[@]}") $(_polymq_options perf)" ;;
        *) choices=$(_polymq_options "${command[@]}") ;;
      esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -o filenames -F _polymq polymq
