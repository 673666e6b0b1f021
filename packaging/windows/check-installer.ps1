# Installs dist\xferviewer-*-setup.exe silently for this user, tries it, updates it, removes it; what a user made stays.
#
#   powershell -File packaging\windows\check-installer.ps1
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..\..')
$silent = @('/VERYSILENT', '/SUPPRESSMSGBOXES', '/NORESTART', '/CURRENTUSER')
$home_folder = Join-Path $env:LOCALAPPDATA 'xferviewer'
$folder = Join-Path $env:LOCALAPPDATA 'Programs\xferviewer'
$program = Join-Path $folder 'xferviewer.exe'
$setup = (Get-ChildItem dist\xferviewer-*-setup.exe | Select-Object -First 1).FullName

function Wait-For([string]$file, [string[]]$words, [int]$expected = 0) {
    $code = (Start-Process -FilePath $file -ArgumentList $words -Wait -PassThru).ExitCode
    if ($code -ne $expected) { throw "$file $words ended with $code, not with $expected" }
}
function Assert([bool]$holds, [string]$what) { if (-not $holds) { throw "Not so: $what" } else { "ok  $what" } }

Wait-For $setup $silent
Assert (Test-Path $program) 'the program is installed for this user'
$selftest = & $program selftest --json | ConvertFrom-Json
Assert $selftest.ok 'selftest passes'
& $program phantom --out "$env:TEMP\films" --count 8 --seed 1 --site A --size 128
& $program index "$env:TEMP\films" --catalogue "$home_folder\catalogue.sqlite" --json | Out-Null
$before = (Get-FileHash "$home_folder\catalogue.sqlite").Hash
Assert (Test-Path 'HKCU:\Software\Classes\.dcm\OpenWithProgids') 'DICOM files are offered'

# A window that is open keeps an update away.
$window = Start-Process -FilePath $program -ArgumentList 'demo' -PassThru
Start-Sleep -Seconds 20
Wait-For $setup $silent 7
Stop-Process -Id $window.Id
Start-Sleep -Seconds 5
Wait-For $setup $silent
Assert ((Get-FileHash "$home_folder\catalogue.sqlite").Hash -eq $before) 'an update leaves the catalogue as it was'

Wait-For (Join-Path $folder 'unins000.exe') @('/VERYSILENT', '/SUPPRESSMSGBOXES', '/NORESTART')
Start-Sleep -Seconds 5
Assert (-not (Test-Path $folder)) 'the programs are gone'
Assert (-not (Test-Path 'HKCU:\Software\Classes\xferviewer.file')) 'the associations are gone'
Assert (Test-Path "$home_folder\catalogue.sqlite") 'what the user made is there'
