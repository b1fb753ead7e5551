/** Completion for zsh, with what each word means. */
import type { Choice, Place, Stage } from './model.js'

export function zshScript(stages: readonly Stage[], programs: Readonly<Record<string, string>>): string {
  const paths = stages.slice(1).map(({ path }) => quoted(path))
  const values = stages.flatMap(({ path, flags }) =>
    flags.flatMap(({ spellings, value }) =>
      value === null ? [] : spellings.map((spelling) => ({ line: quoted(`${path} ${spelling}`), value })),
    ),
  )
  return `#compdef ${Object.keys(programs).join(' ')}
# Completion for zsh. To have it now:
#   source <(tnl completion zsh)
# In every shell to come: write it to a file _tnl in a folder of $fpath, before compinit.
_tnl() {
  local stage word skips= plain= place=0 at
  local -a choices flags
  case \${words[1]:t} in
${Object.entries(programs)
  .map(([name, path]) => `    ${name}) stage=${quoted(path)} ;;`)
  .join('\n')}
    *) stage=tnl ;;
  esac
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    if [[ -n $skips ]]; then skips=; continue; fi
    if [[ $word == -- ]]; then plain=yes; continue; fi
    case "$stage $word" in
      (${paths.join('|')}) stage="$stage $word"; continue ;;
      (${values.map(({ line }) => line).join('|')}) skips=yes; continue ;;
    esac
    [[ $word == -* ]] || (( place += 1 ))
  done
  if [[ -n $skips ]]; then
    case "$stage \${words[CURRENT-1]}" in
${values.map(({ line, value }) => `      (${line}) ${reply(value)} ;;`).join('\n')}
    esac
    return
  fi
  case $stage in
${stages.map(stageCase).join('\n')}
  esac
}
_tnl_keys() {
  local -a keys
  keys=(\${(f)"$(tnl completion keys "$PREFIX" 2>/dev/null)"})
  compadd -a keys
}
if [[ $funcstack[1] == _tnl ]]; then _tnl "$@"; else compdef _tnl ${Object.keys(programs).join(' ')}; fi
`
}

function stageCase({ path, commands, flags, places }: Stage): string {
  const spelled = flags.flatMap(({ spellings, help }) => spellings.map((word) => ({ word, help })))
  const flagReply = `      flags=(${described(spelled)})\n      [[ -z $plain && $PREFIX == -* ]] && { _describe -o flag flags; return }`
  const byPlace = places.map((place, at) => `        (${at === places.length - 1 ? '*' : at}) ${reply(place)} ;;`)
  const rest =
    commands.length > 0
      ? `      choices=(${described(commands)})\n      _describe command choices`
      : byPlace.length > 0
        ? `      case $place in\n${byPlace.join('\n')}\n      esac`
        : '      _describe -o flag flags'
  return `    (${quoted(path)})\n${flagReply}\n${rest} ;;`
}

function reply({ kind, words }: Place): string {
  switch (kind) {
    case 'words':
      return `compadd ${words.map(quoted).join(' ')}`
    case 'files':
      return '_files'
    case 'folders':
      return '_files -/'
    case 'commands':
      return '_command_names -e || _files'
    case 'keys':
      return '_tnl_keys'
    case 'nothing':
      return ':'
  }
}

const described = (choices: readonly Choice[]): string =>
  choices.map(({ word, help }) => quoted(help === '' ? word : `${word}:${help}`)).join(' ')

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
