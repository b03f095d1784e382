# bash completion for tarsier. The program itself knows the candidates:
#   tarsier __complete INDEX WORDS...   WORDS stand behind the program's name, INDEX counts them from 0 to the cursor's
# prints one candidate a line, "CANDIDATE<tab>HELP"; the line "<file>" asks for file names.
_tarsier()
{
    local cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD line prefix='' files=''
    local -a words=("${COMP_WORDS[@]}")
    # bash-completion joins again what readline split at '=' and ':'
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur words cword
    fi
    # readline replaces only what stands behind the '='
    if [[ $COMP_WORDBREAKS == *=* && $cur == -*=* ]]; then
        prefix=${cur%%=*}=
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == '<file>' ]]; then
            files=1
            continue
        fi
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$prefix"}")
    done < <("${words[0]}" __complete "$((cword - 1))" "${words[@]:1}" 2>/dev/null)
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        local path=$cur
        [[ $cur == -*=* ]] && path=${cur#*=}
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -f -- "$path")
    fi
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _tarsier tarsier
