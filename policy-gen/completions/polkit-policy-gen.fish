# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_polkit_policy_gen_global_optspecs
    string join \n h/help V/version
end

function __fish_polkit_policy_gen_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_polkit_policy_gen_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_polkit_policy_gen_using_subcommand
    set -l cmd (__fish_polkit_policy_gen_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -s h -l help -d 'Print help'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -s V -l version -d 'Print version'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "generate" -d 'Write the files that a policy becomes, without installing them'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "libvirt" -d 'Write a policy file for libvirt: who may look, manage, or have a role over some domains'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "install" -d 'Install a policy, and let the running polkitd confirm it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "diff" -d 'Show what `install` would change, as a unified diff'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "remove" -d 'Take away what was installed, by the record of it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "actions" -d 'List polkit\'s actions: their defaults, their details, and what of libvirt needs them'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "explain" -d 'Say what polkit decides, and why, without asking it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "convert" -d 'Write a whole tree of pkla files as one rules file that decides the same'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "check" -d 'Find mistakes in rules, pkla and policy files'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "doctor" -d 'Say why something is refused, and put it right'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l group -d 'A group that gets it (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l user -d 'A user that gets it (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l action -d 'The action, or a pattern as org.libvirt.* (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l result -d 'yes, no, auth_self, auth_self_keep, auth_admin or auth_admin_keep' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l target -d 'host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l format -d 'The format, where the target reads both' -r -f -a "rules\t'JavaScript, for polkit 0.106 and later'
pkla\t'Local authority key files, for polkit 0.105 and for what polkit-pkla-compat reads'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -s o -l output -d 'A file, or a directory (one that exists, or with a slash at the end) for several' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -l vendor -d 'Generate a package\'s files: the paths below /usr'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -l mode -d 'The way to libvirt' -r -f -a "read-only\t'Everybody may look (`virsh -r`): this is so anyway, and nothing is written'
polkit\t'polkit lets groups and users manage libvirt; they are as good as root'
acl\t'polkit lets them connect, and libvirt asks it about each object and call'
socket\t'The socket belongs to a group, and whoever can open it is as good as root'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -l group -d 'The group that is let in; without it, for polkit and socket, the one that the distribution\'s policy names' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -l member -d 'A user to be put into the group (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -l role -d 'The group\'s role, with --mode acl' -r -f -a "viewer\t'Sees that they are there, their state and definition'
console\t'Sits at their screen and console'
operator\t'Starts, stops, pauses and resets them'
admin\t'Changes, makes and deletes them: root-equivalent'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -l domains -d 'The names of its domains, in which `*` stands for any letters (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -s o -l output -d 'The file to be made; `-` is standard output' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand libvirt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l target -d 'host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l format -d 'The format, where the target reads both' -r -f -a "rules\t'JavaScript, for polkit 0.106 and later'
pkla\t'Local authority key files, for polkit 0.105 and for what polkit-pkla-compat reads'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l root -d 'Work on the tree below DIR instead of the host; needs no polkitd, nor root where DIR is writable' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l vendor -d 'Write where packages write: below /usr'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l force -d 'Overwrite and remove what was changed by hand'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l create -d 'Take users and groups that do not exist as coming later, for images'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l dry-run -d 'Change nothing, show the diff'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l mkdir -d 'Make polkit\'s directory if it is missing, as that version\'s own package makes it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -l restart -d 'Restart the daemons of libvirt whose configuration changes'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l target -d 'host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l format -d 'The format, where the target reads both' -r -f -a "rules\t'JavaScript, for polkit 0.106 and later'
pkla\t'Local authority key files, for polkit 0.105 and for what polkit-pkla-compat reads'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l root -d 'Work on the tree below DIR instead of the host; needs no polkitd, nor root where DIR is writable' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l vendor -d 'Write where packages write: below /usr'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l force -d 'Overwrite and remove what was changed by hand'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -l create -d 'Take users and groups that do not exist as coming later, for images'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand remove" -l root -d 'Work on the tree below DIR instead of the host' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand remove" -l dry-run -d 'Change nothing, show the diff'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand remove" -l force -d 'Remove what was changed by hand, too'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand remove" -l restart -d 'Restart the daemons of libvirt whose configuration changes'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand remove" -s h -l help -d 'Print help'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand actions" -l root -d 'Read the tree below DIR instead of the host' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand actions" -l json -d 'As one JSON object'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand actions" -s h -l help -d 'Print help'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l user -d 'The user, or the number of a uid that has no name' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l group -d 'A group of the user (may be repeated): these and no others, instead of those that the accounts say' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l action -d 'The action' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l detail -d 'A detail that the mechanism passes to polkit (may be repeated)' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l session -d 'The session that the user\'s process is in; none is a service or cron, remote is ssh' -r -f -a "none\t'In no session: services and cron'
remote\t'In a session without a seat, as of ssh: polkit answers as without one, and rules see an active subject that is not local'
inactive\t'In a session at a seat that is in the background'
active\t'In the session at the seat'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l batch -d 'Read requests from FILE, a line of JSON each, and answer each with a line; `-` is standard input' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l root -d 'Read the files and accounts of the tree below DIR instead of the host\'s' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l target -d 'For which polkit: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -l json -d 'Print one JSON object'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand convert" -l root -d 'Read the tree below DIR instead of the host\'s' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand convert" -s o -l output -d 'The file to be made; without it, or as `-`, standard output' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand convert" -s h -l help -d 'Print help'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l kind -d 'What the files are that are named, whatever their names; without it, standard input is what it looks like' -r -f -a "rules\t'Rules in JavaScript'
pkla\t'A local authority file'
policy\t'A policy file of polkit-policy-gen'"
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l code -d 'Say what a code means' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l target -d 'For which polkit: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l root -d 'Look through the tree below DIR instead of the host' -r -F
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l strict -d 'Fail on warnings, too'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -l json -d 'Print one JSON object'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l user -d 'Look at what this user gets' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l unit -d 'Look at the processes of this unit of systemd\'s' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l pid -d 'Look at this process' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l action -d 'The action; without it the one that the error names, else the management of libvirt' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l error -d 'A message or a whole log, from whose first real error to start; `-` is standard input' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l fix -d 'Carry out the first fix of this name, and look again' -r
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l yes -d 'Do not ask first'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -l json -d 'Print one JSON object'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "generate" -d 'Write the files that a policy becomes, without installing them'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "libvirt" -d 'Write a policy file for libvirt: who may look, manage, or have a role over some domains'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "install" -d 'Install a policy, and let the running polkitd confirm it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "diff" -d 'Show what `install` would change, as a unified diff'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "remove" -d 'Take away what was installed, by the record of it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "actions" -d 'List polkit\'s actions: their defaults, their details, and what of libvirt needs them'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "explain" -d 'Say what polkit decides, and why, without asking it'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "convert" -d 'Write a whole tree of pkla files as one rules file that decides the same'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "check" -d 'Find mistakes in rules, pkla and policy files'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "doctor" -d 'Say why something is refused, and put it right'
complete -c polkit-policy-gen -n "__fish_polkit_policy_gen_using_subcommand help; and not __fish_seen_subcommand_from generate libvirt install diff remove actions explain convert check doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
