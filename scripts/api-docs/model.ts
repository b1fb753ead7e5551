/** What an entry point of the package exports, as API Extractor reads it from the built declarations. */
import { join } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { type ApiEntryPoint, ApiModel } from '@microsoft/api-extractor-model'

const SILENT = { default: { logLevel: ExtractorLogLevel.None } }

/** `folder`: for what it writes. */
export function apiOf(root: string, entry: string, folder: string): ApiEntryPoint {
  const model = join(folder, 'model.api.json')
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json'), skipLibCheck: true },
      apiReport: { enabled: false, reportFileName: 'unused.api.md' },
      docModel: { enabled: true, apiJsonFilePath: model },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: SILENT,
        extractorMessageReporting: SILENT,
        tsdocMessageReporting: SILENT,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  })
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true
    },
  })
  const [entryPoint] = new ApiModel().loadPackage(model).entryPoints
  if (entryPoint === undefined) throw new Error(`${entry} exports nothing`)
  return entryPoint
}
