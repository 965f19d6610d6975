# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_polkit_service_agent_global_optspecs
    string join \n h/help V/version
end

function __fish_polkit_service_agent_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_polkit_service_agent_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_polkit_service_agent_using_subcommand
    set -l cmd (__fish_polkit_service_agent_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -s V -l version -d 'Print version'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "run" -d 'Run the agent'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "exec" -d 'Register this process with the running agent, then become COMMAND'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "status" -d 'Say what the running agent serves, and by which way'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "pending" -d 'Show the questions that wait for a person'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "approve" -d 'Approve a question that waits: it is allowed when it is asked again'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "deny" -d 'Take a question away that waits, or end what was approved'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "decisions" -d 'Show what was decided, from the journal'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "check" -d 'Read the configuration, and say what is wrong with it, what it gives away and in which order it is asked'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "test" -d 'Say what the rules answer, and ask nobody'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand run" -l config -d 'Read this file alone, instead of agent.toml and its fragments' -r -F
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand run" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand exec" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand status" -l json -d 'Print one JSON object'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand status" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand pending" -l approved -d 'Show what is approved instead, and how long'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand pending" -l json -d 'Print one JSON list'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand pending" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand approve" -l for -d 'As often as it is asked for a length of time, up to 1h; without it, for one answer' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand approve" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand deny" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand decisions" -l since -d 'From this time on, as journalctl(1) takes it' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand decisions" -l follow -d 'Go on with what comes'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand decisions" -l suggest -d 'Write, for each kind of refusal, the narrowest rule that would have answered it, the most frequent first'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand decisions" -l json -d 'Print one JSON object a line'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand decisions" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand check" -l config -d 'Read this file alone, instead of agent.toml and its fragments' -r -F
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand check" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l config -d 'Read this file alone, instead of agent.toml and its fragments' -r -F
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l action -d 'The action\'s id' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l pid -d 'Ask about this process' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l user -d 'The subject\'s real user' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l unit -d 'The subject\'s unit' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l group -d 'A group of the subject\'s user; may be given more than once' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l exe -d 'The subject\'s program' -r -F
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l session -d 'The subject\'s session: none, active, inactive, local, remote, or a class' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l seat -d 'The seat of the subject\'s session' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l detail -d 'A detail of the action, which only the hook is told; may be given more than once' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l way -d 'How the question comes' -r -f -a "challenge\t''
hook\t''"
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l at -d 'Ask about this time instead of now: 2027-01-31T18:00, 18:00 of today, or a time with its offset' -r
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -l json -d 'Print one JSON object'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand test" -s h -l help -d 'Print help'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "run" -d 'Run the agent'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "exec" -d 'Register this process with the running agent, then become COMMAND'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "status" -d 'Say what the running agent serves, and by which way'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "pending" -d 'Show the questions that wait for a person'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "approve" -d 'Approve a question that waits: it is allowed when it is asked again'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "deny" -d 'Take a question away that waits, or end what was approved'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "decisions" -d 'Show what was decided, from the journal'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "check" -d 'Read the configuration, and say what is wrong with it, what it gives away and in which order it is asked'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "test" -d 'Say what the rules answer, and ask nobody'
complete -c polkit-service-agent -n "__fish_polkit_service_agent_using_subcommand help; and not __fish_seen_subcommand_from run exec status pending approve deny decisions check test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
