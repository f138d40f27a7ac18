# bash completion for stoop: commands as 'stoop --help' lists them, options and words as their help does.
_stoop() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "help $(stoop --help | sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$word")
    elif [ "${word#-}" != "$word" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(stoop help "$command" 2>/dev/null | grep -o -- '--[a-z-]*')" -- "$word")
    elif [ "$COMP_CWORD" -eq 2 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(stoop help "$command" 2>/dev/null |
            sed -n "s/^.*stoop $command \([a-z-]*\).*/\1/p")" -- "$word")
    fi
}
complete -o default -F _stoop stoop
