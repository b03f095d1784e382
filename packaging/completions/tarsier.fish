# fish completion for tarsier; see tarsier.bash for what "tarsier __complete" prints.
function __tarsier_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in ($program __complete (count $words) $words "$current" 2>/dev/null)
        if test "$line" = '<file>'
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c tarsier -f -a '(__tarsier_complete)'
