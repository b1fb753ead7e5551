/** Completion for fish, with what each word means. */
import type { Place, Stage } from './model.js'

export function fishScript(stages: readonly Stage[], programs: Readonly<Record<string, string>>): string {
  const values = stages.flatMap(({ path, flags }) =>
    flags.flatMap(({ spellings, value }) =>
      value === null ? [] : spellings.map((spelling) => quoted(`${path} ${spelling}`)),
    ),
  )
  const paths = stages.slice(1).map(({ path }) => quoted(path))
  const rules = stages.flatMap((stage) =>
    Object.entries(programs).flatMap(([name, root]) => rulesOf(stage, name, root)),
  )
  return `# Completion for fish. To have it now, and in every shell to come:
#   tnl completion fish | source
#   tnl completion fish > ~/.config/fish/completions/tnl.fish
function __tnl_stage
    set -l typed (commandline -opc)
    set -l stage tnl
    switch (basename $typed[1])
${Object.entries(programs)
  .map(([name, path]) => `        case ${name}\n            set stage ${quoted(path)}`)
  .join('\n')}
    end
    set -l skips no
    for word in $typed[2..-1]
        if test $skips = yes
            set skips no
            continue
        end
        switch "$stage $word"
            case ${paths.join(' ')}
                set stage "$stage $word"
            case ${values.join(' ')}
                set skips yes
        end
    end
    echo $stage
end
function __tnl_at
    test (__tnl_stage) = "$argv[1]"
end
function __tnl_keys
    tnl completion keys (commandline -ct) 2>/dev/null
end
${Object.keys(programs)
  .map((name) => `complete -c ${name} -e\ncomplete -c ${name} -f`)
  .join('\n')}
${rules.join('\n')}
`
}

/** Only what can be reached from the program: `tnl-do` has no sub-commands of `tnl`. */
function rulesOf({ path, commands, flags, places }: Stage, name: string, root: string): string[] {
  if (path !== root && !path.startsWith(`${root} `)) return []
  const start = `complete -c ${name} -n ${quoted(`__tnl_at "${path}"`)}`
  const ofCommands = commands.map(({ word, help }) => `${start} -a ${word} -d ${quoted(help)}`)
  const ofFlags = flags.map(({ spellings, help, value }) => {
    const words = spellings.map((spelling) =>
      spelling.startsWith('--') ? `-l ${spelling.slice(2)}` : `-s ${spelling.slice(1)}`,
    )
    return `${start} ${words.join(' ')}${value === null ? '' : ` -r${reply(value)}`} -d ${quoted(help)}`
  })
  const ofPlaces = [...new Set(places.map(reply))].filter((words) => words !== '').map((words) => `${start}${words}`)
  return [...ofCommands, ...ofFlags, ...ofPlaces]
}

function reply({ kind, words }: Place): string {
  switch (kind) {
    case 'words':
      return ` -f -a ${quoted(words.join(' '))}`
    case 'files':
      return ' -F'
    case 'folders':
      return " -f -a '(__fish_complete_directories)'"
    case 'commands':
      return " -f -a '(__fish_complete_command)'"
    case 'keys':
      return " -f -a '(__tnl_keys)'"
    case 'nothing':
      return ''
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`
