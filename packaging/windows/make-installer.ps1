# Makes dist\xferviewer-VERSION-VARIANT-setup.exe of the bundle in dist\xferviewer, with Inno Setup 6.
#
#   powershell -File packaging\windows\make-installer.ps1
#
# SIGN_COMMAND: what signs a file, with $f in its place as Inno Setup wants it, for example
#   signtool sign /fd sha256 /tr http://timestamp.example /td sha256 /n "Name on the certificate" $f
# With it the programs of the bundle, the installer and the uninstaller are signed; without it Windows warns at each download.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..\..')
$python = if ($env:PYTHON) { $env:PYTHON } else { '.venv\Scripts\python.exe' }
$program = 'dist\xferviewer\xferviewer.exe'
if (-not (Test-Path $program)) { throw "No installer was made. There is no $program. Make it first: python packaging\build.py" }

$version = (& $program --version) -replace '^xferviewer ', ''
if (-not $version) { throw "No installer was made. The bundle does not say its version. Run $program --version." }
$built_for = & $python -c "from torch.version import cuda; print('cuda' if cuda else 'cpu')"
New-Item -ItemType Directory -Force build | Out-Null
$env:PYTHONPATH = 'src'
& $python packaging\icons.py build\xferviewer.ico
if ($LASTEXITCODE) { throw 'No installer was made. The icon could not be drawn.' }

$compiler = (Get-Command iscc -ErrorAction SilentlyContinue).Source
if (-not $compiler) { $compiler = "${env:ProgramFiles(x86)}\Inno Setup 6\ISCC.exe" }
$options = @("/DVersion=$version", "/DVariant=windows-amd64-$built_for")
if ($env:SIGN_COMMAND) {
    # Qt's and Python's libraries carry the signatures of their makers or none; ours is the program itself.
    $command = $env:SIGN_COMMAND -replace '\$f', "`"$program`""
    cmd /c $command
    if ($LASTEXITCODE) { throw "No installer was made. $program could not be signed." }
    $options += @('/DSign', "/Sxferviewer=$env:SIGN_COMMAND")
}
& $compiler @options packaging\windows\xferviewer.iss
if ($LASTEXITCODE) { throw 'No installer was made. Inno Setup says why above.' }
