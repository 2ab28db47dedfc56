#!/bin/sh
# Builds editor.js, the bundle that the dashboard serves, from editor.mjs and the packages that package-lock.json pins; writes
# their licences beside it. Needs node 20 and npm; only for who changes the editor. Use: tsdash/ui/codemirror/build.sh
set -eu
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --ignore-scripts
node_modules/.bin/esbuild editor.mjs --bundle --minify --format=esm --target=es2022 --legal-comments=none --outfile=editor.js
{
  echo "editor.js contains the following packages, all under the MIT licence."
  for package in $(node_modules/.bin/esbuild editor.mjs --bundle --format=esm --metafile=/dev/stderr --outfile=/dev/null 2>&1 >/dev/null |
    grep -o 'node_modules/\(@[^/"]*/\)\?[^/"]*' | sort -u); do
    printf '\n%s %s\n\n' "${package#node_modules/}" "$(node -p "require('./$package/package.json').version")"
    cat "$package/LICENSE"
  done
} >LICENSES.txt
wc -c editor.js
