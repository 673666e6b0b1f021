; Inno Setup 6: the installer of xferviewer for Windows, made of the bundle in dist\xferviewer.
;
;   iscc /DVersion=1.2.3 /DVariant=windows-amd64-cpu packaging\windows\xferviewer.iss
;
; For one person (no administrator needed) or for the whole machine; on the command line:
;   setup.exe /VERYSILENT /SUPPRESSMSGBOXES /NORESTART /CURRENTUSER     into %LOCALAPPDATA%\Programs\xferviewer
;   setup.exe /VERYSILENT /SUPPRESSMSGBOXES /NORESTART /ALLUSERS        into %ProgramFiles%\xferviewer
;   unins000.exe /VERYSILENT /SUPPRESSMSGBOXES /NORESTART               removes it; data and settings stay
; Exit code 7: it is running, and nothing was changed. Other switches: /DIR="…"  /TASKS="associations,path"  /LOG="…"
;
; Signing: /DSign with a sign tool named xferviewer in Inno Setup's configuration signs installer and uninstaller.

#ifndef Version
  #error Say the version: iscc /DVersion=1.2.3
#endif
#ifndef Variant
  #define Variant "windows-amd64-cpu"
#endif

[Setup]
; Never change it: by it an update finds what is installed.
AppId={{6F1B8C52-9C0B-4D0E-8C8B-4E3C5A7B2D91}
AppName=xferviewer
AppVersion={#Version}
AppVerName=xferviewer {#Version}
AppPublisher=xferviewer developers
AppComments=For research, not for diagnosis.
VersionInfoDescription=xferviewer installer
DefaultDirName={autopf}\xferviewer
DefaultGroupName=xferviewer
DisableProgramGroupPage=yes
DisableDirPage=auto
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=commandline dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\build\xferviewer.ico
UninstallDisplayIcon={app}\xferviewer.ico
UninstallDisplayName=xferviewer
ChangesAssociations=yes
ChangesEnvironment=yes
; A window or a job that runs would lose the files that it has yet to load; [Code] waits for its owner (exit code 7).
CloseApplications=no
; Machine code of some GB hardly packs better for many times the work.
Compression=lzma2/fast
SolidCompression=no
LZMANumBlockThreads=4
#if Pos("cuda", Variant)
; Windows runs no program file above 4 GB: the parts lie beside it.
DiskSpanning=yes
DiskSliceSize=max
#endif
OutputDir=..\..\dist
OutputBaseFilename=xferviewer-{#Version}-{#Variant}-setup
#ifdef Sign
SignTool=xferviewer
SignedUninstaller=yes
#endif

[Tasks]
Name: "associations"; Description: "Offer xferviewer for DICOM files, weights (.safetensors) and folders"
Name: "path"; Description: "Put the command xferviewer on the PATH"; Flags: unchecked
Name: "desktop"; Description: "Icon on the desktop"; Flags: unchecked

[InstallDelete]
; An update removes what the version before it had and this one has not.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "..\..\dist\xferviewer\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion
Source: "..\..\build\xferviewer.ico"; DestDir: "{app}"; Flags: ignoreversion

[Icons]
Name: "{autoprograms}\xferviewer"; Filename: "{app}\xferviewer.exe"; IconFilename: "{app}\xferviewer.ico"; Comment: "Compare fine-tuned medical-image classifiers; for research, not for diagnosis"
Name: "{autoprograms}\xferviewer demo"; Filename: "{app}\xferviewer.exe"; Parameters: "demo"; IconFilename: "{app}\xferviewer.ico"; Comment: "The window on the synthetic cohort"
Name: "{autodesktop}\xferviewer"; Filename: "{app}\xferviewer.exe"; IconFilename: "{app}\xferviewer.ico"; Tasks: desktop

[Registry]
; HKA is HKEY_LOCAL_MACHINE for all users and HKEY_CURRENT_USER for one. OpenWithProgids offers and takes nothing from
; the program that opens such files now.
Root: HKA; Subkey: "Software\Classes\xferviewer.file"; ValueType: string; ValueData: "xferviewer file"; Flags: uninsdeletekey; Tasks: associations
Root: HKA; Subkey: "Software\Classes\xferviewer.file\DefaultIcon"; ValueType: string; ValueData: "{app}\xferviewer.ico"; Tasks: associations
Root: HKA; Subkey: "Software\Classes\xferviewer.file\shell\open\command"; ValueType: string; ValueData: """{app}\xferviewer.exe"" open ""%1"""; Tasks: associations
Root: HKA; Subkey: "Software\Classes\.dcm\OpenWithProgids"; ValueType: string; ValueName: "xferviewer.file"; ValueData: ""; Flags: uninsdeletevalue; Tasks: associations
Root: HKA; Subkey: "Software\Classes\.dicom\OpenWithProgids"; ValueType: string; ValueName: "xferviewer.file"; ValueData: ""; Flags: uninsdeletevalue; Tasks: associations
Root: HKA; Subkey: "Software\Classes\.safetensors\OpenWithProgids"; ValueType: string; ValueName: "xferviewer.file"; ValueData: ""; Flags: uninsdeletevalue; Tasks: associations
Root: HKA; Subkey: "Software\Classes\Directory\shell\xferviewer"; ValueType: string; ValueData: "Open with xferviewer"; Flags: uninsdeletekey; Tasks: associations
Root: HKA; Subkey: "Software\Classes\Directory\shell\xferviewer"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\xferviewer.ico"; Tasks: associations
Root: HKA; Subkey: "Software\Classes\Directory\shell\xferviewer\command"; ValueType: string; ValueData: """{app}\xferviewer.exe"" open ""%1"""; Tasks: associations
; App Paths, so that "xferviewer" can be typed at Run.
Root: HKA; Subkey: "Software\Microsoft\Windows\CurrentVersion\App Paths\xferviewer.exe"; ValueType: string; ValueData: "{app}\xferviewer.exe"; Flags: uninsdeletekey

[Run]
Filename: "{app}\xferviewer.exe"; Description: "Open xferviewer"; Flags: nowait postinstall skipifsilent

; Nothing is named in [UninstallDelete]: %LOCALAPPDATA%\xferviewer (data, settings, logs) and %ProgramData%\xferviewer
; (the policy) are nobody's but their owners'.

[Code]
function WhyNotNow(const Done: String): String;
begin
  Result := 'xferviewer was not ' + Done + '.' + #13#10 + 'It is running on this computer.' + #13#10 +
    'Close its windows and pause its jobs (xferviewer jobs pause NAME), then do it again.';
end;

{ Windows lets nobody write to a program file that runs. }
function Runs(): Boolean;
var
  Program_: TFileStream;
begin
  Result := False;
  if not FileExists(ExpandConstant('{app}\xferviewer.exe')) then exit;
  try
    Program_ := TFileStream.Create(ExpandConstant('{app}\xferviewer.exe'), fmOpenReadWrite);
    Program_.Free;
  except
    Result := True;
  end;
end;

function PrepareToInstall(var NeedsRestart: Boolean): String;
begin
  if Runs() then Result := WhyNotNow('updated') else Result := '';
end;

function InitializeUninstall(): Boolean;
begin
  Result := not Runs();
  if not Result then SuppressibleMsgBox(WhyNotNow('removed'), mbError, MB_OK, IDOK);
end;

function PathKey(): Integer;
begin
  if IsAdminInstallMode() then Result := HKEY_LOCAL_MACHINE else Result := HKEY_CURRENT_USER;
end;

function PathSubkey(): String;
begin
  if IsAdminInstallMode() then
    Result := 'SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
  else
    Result := 'Environment';
end;

{ The PATH without the folder of the application, whose entry ends in a semicolon then. }
function PathWithoutApp(const Path: String): String;
begin
  Result := ';' + Path + ';';
  StringChangeEx(Result, ';' + ExpandConstant('{app}') + ';', ';', True);
  while (Length(Result) > 0) and (Result[1] = ';') do Delete(Result, 1, 1);
  while (Length(Result) > 0) and (Result[Length(Result)] = ';') do Delete(Result, Length(Result), 1);
end;

procedure CurStepChanged(CurStep: TSetupStep);
var
  Path: String;
begin
  if (CurStep <> ssPostInstall) or not WizardIsTaskSelected('path') then exit;
  if not RegQueryStringValue(PathKey(), PathSubkey(), 'Path', Path) then Path := '';
  Path := PathWithoutApp(Path);
  if Path <> '' then Path := Path + ';';
  RegWriteExpandStringValue(PathKey(), PathSubkey(), 'Path', Path + ExpandConstant('{app}'));
end;

procedure CurUninstallStepChanged(CurUninstallStep: TUninstallStep);
var
  Path, Without: String;
begin
  if CurUninstallStep <> usPostUninstall then exit;
  if not RegQueryStringValue(PathKey(), PathSubkey(), 'Path', Path) then exit;
  Without := PathWithoutApp(Path);
  if Pos(';' + Uppercase(ExpandConstant('{app}')) + ';', ';' + Uppercase(Path) + ';') > 0 then
    RegWriteExpandStringValue(PathKey(), PathSubkey(), 'Path', Without);
end;
