/** Completion for bash 4 and newer, without the package bash-completion. */
import type { Place, Stage } from './model.js'

/** `programs`: each name of a program, and the path that it stands for. */
export function bashScript(stages: readonly Stage[], programs: Readonly<Record<string, string>>): string {
  const paths = stages.slice(1).map(({ path }) => quoted(path))
  return `# Completion for bash. To have it now, and in every shell to come:
#   source <(tnl completion bash)
#   tnl completion bash > ~/.local/share/bash-completion/completions/tnl
_tnl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path word at place=0 skips= plain=
  case \${COMP_WORDS[0]##*/} in
${lines(Object.entries(programs).map(([name, path]) => `    ${name}) path=${quoted(path)} ;;`))}
    *) path=tnl ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $skips ]]; then skips=; continue; fi
    if [[ $word == -- ]]; then plain=yes; continue; fi
    case "$path $word" in
      ${paths.join('|')}) path="$path $word"; continue ;;
      ${valueFlags(stages).join('|')}) skips=yes; continue ;;
    esac
    [[ $word == -* ]] || ((place += 1))
  done
  COMPREPLY=()
  if [[ $skips ]]; then
    case "$path $previous" in
${lines(stages.flatMap(({ path, flags }) => flags.flatMap(({ spellings, value }) => (value === null ? [] : spellings.map((spelling) => `      ${quoted(`${path} ${spelling}`)}) ${reply(value)} ;;`)))))}
    esac
    return
  fi
  case "$path" in
${lines(stages.map(stageCase))}
  esac
}
_tnl_keys() {
  local keys
  keys=$(tnl completion keys "$current" 2>/dev/null) && mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$current")
}
complete -o filenames -F _tnl ${Object.keys(programs).join(' ')}
`
}

function stageCase({ path, commands, flags, places }: Stage): string {
  const spellings = flags.flatMap(({ spellings: each }) => each).join(' ')
  const flagReply = `[[ ! $plain && $current == -* ]] && { mapfile -t COMPREPLY < <(compgen -W ${quoted(spellings)} -- "$current"); return; }`
  const words = commands.length === 0 ? '' : oneOf(commands.map(({ word }) => word))
  const byPlace = places.map((place, at) => `        ${at === places.length - 1 ? '*' : at}) ${reply(place)} ;;`)
  const rest =
    words !== ''
      ? `      ${words}`
      : byPlace.length === 0
        ? '      :'
        : `      case $place in\n${lines(byPlace)}\n      esac`
  return `    ${quoted(path)})\n      ${flagReply}\n${rest} ;;`
}

function reply({ kind, words }: Place): string {
  switch (kind) {
    case 'words':
      return oneOf(words)
    case 'files':
      return 'mapfile -t COMPREPLY < <(compgen -f -- "$current")'
    case 'folders':
      return 'mapfile -t COMPREPLY < <(compgen -d -- "$current")'
    case 'commands':
      return 'mapfile -t COMPREPLY < <(compgen -c -- "$current"; compgen -f -- "$current")'
    case 'keys':
      return '_tnl_keys'
    case 'nothing':
      return ':'
  }
}

const oneOf = (words: readonly string[]): string =>
  `mapfile -t COMPREPLY < <(compgen -W ${quoted(words.join(' '))} -- "$current")`

const valueFlags = (stages: readonly Stage[]): string[] =>
  stages.flatMap(({ path, flags }) =>
    flags.flatMap(({ spellings, value }) =>
      value === null ? [] : spellings.map((spelling) => quoted(`${path} ${spelling}`)),
    ),
  )

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const lines = (all: readonly string[]): string => all.join('\n')
