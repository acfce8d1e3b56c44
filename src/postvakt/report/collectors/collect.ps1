#heading#
#
# It writes only below the folder that is named, changes no setting and starts no scan. Each file is opened for
# reading while its owner goes on writing; what Windows keeps to itself is copied by esentutl from a shadow copy.
# Every file is hashed as it was copied; what could not be copied stands in the manifest with the reason.
[CmdletBinding()]
param([Parameter(Mandatory = $true)] [string] $Destination)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Continue'

$me = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList ([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Error -Message 'Start it in an elevated PowerShell: without administrator rights most of it cannot be read.'
    exit 2
}

$places = @(
#places#
)
$askDirectory = #directory#
$installed = #installed#
$setup = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\ExchangeServer\v*\Setup' -ErrorAction SilentlyContinue
foreach ($one in @($setup)) {
    if ($one -and $one.PSObject.Properties['MsiInstallPath']) { $installed = $one.MsiInstallPath.TrimEnd('\') }
}
$profiles = @(Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\*' -ErrorAction SilentlyContinue |
    Where-Object { $_.PSObject.Properties['ProfileImagePath'] } |
    ForEach-Object { $_.ProfileImagePath })

$output = Join-Path -Path $Destination -ChildPath $env:COMPUTERNAME
$null = New-Item -ItemType Directory -Force -Path $output
$output = (Resolve-Path -LiteralPath $output).ProviderPath
$manifest = Join-Path -Path $output -ChildPath 'manifest.csv'
$rows = New-Object -TypeName Collections.ArrayList
$seen = @{}

function Get-Hash([string] $Path) {
    $stream = [IO.File]::OpenRead($Path)
    $sha = [Security.Cryptography.SHA256]::Create()
    try { return ([BitConverter]::ToString($sha.ComputeHash($stream)) -replace '-', '').ToLower() }
    finally { $stream.Close(); $sha.Dispose() }
}

function Copy-Shared([string] $From, [string] $outputFile) {
    $share = [IO.FileShare]::ReadWrite -bor [IO.FileShare]::Delete
    $in = [IO.File]::Open($From, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share)
    try {
        $out = [IO.File]::Create($outputFile)
        try { $in.CopyTo($out) } finally { $out.Close() }
    }
    finally { $in.Close() }
}

function Save-Copy($Place, $File) {
    if ($seen.ContainsKey($File.FullName)) { return }
    $seen[$File.FullName] = $true
    $outputFile = Join-Path -Path $output -ChildPath ($File.FullName -replace '^\\\\', 'UNC\' -replace ':', '')
    $row = @{ Id = $Place.Id; Path = $File.FullName; Bytes = $File.Length; Modified = $File.LastWriteTimeUtc.ToString('o')
        Created = $File.CreationTimeUtc.ToString('o'); Sha256 = ''; How = 'read'; Said = '' }
    try {
        $null = New-Item -ItemType Directory -Force -Path (Split-Path -Path $outputFile -Parent)
        try { Copy-Shared $File.FullName $outputFile }
        catch [IO.IOException] {
            $row.How = 'esentutl /vss'
            $row.Said = (& esentutl.exe /y $File.FullName /vss /d $outputFile | Out-String).Trim()
            if ($LASTEXITCODE -ne 0) { throw "esentutl ended with $LASTEXITCODE" }
            $row.Said = ''
        }
        $row.Sha256 = Get-Hash $outputFile
        [IO.File]::SetCreationTimeUtc($outputFile, $File.CreationTimeUtc)
        [IO.File]::SetLastWriteTimeUtc($outputFile, $File.LastWriteTimeUtc)
    }
    catch { $row.How = 'not copied'; $row.Said = ($_.Exception.Message + ' ' + $row.Said).Trim() }
    $null = $rows.Add((New-Object -TypeName PSObject -Property $row))
}

function Save-Answer([string] $Name, [scriptblock] $Question) {
    $outputFile = Join-Path -Path $output -ChildPath ($Name + '.clixml')
    try { & $Question | Export-Clixml -Depth 4 -Path $outputFile }
    catch { Write-Warning -Message ($Name + ': ' + $_.Exception.Message) }
}

foreach ($place in $places) {
    $folder = $place.Folder.Replace('%ExchangeInstallPath%', $installed)
    if ($folder.StartsWith('%Profile%')) { $folders = @($profiles | ForEach-Object { $_ + $folder.Substring(9) }) }
    else { $folders = @($folder) }
    foreach ($one in $folders) {
        $real = [Environment]::ExpandEnvironmentVariables($one)
        if ($real.EndsWith(':')) { $real = $real + '\' }
        Write-Progress -Activity $place.Id -Status $real
        if (-not (Test-Path -LiteralPath $real)) { continue }
        Get-ChildItem -LiteralPath $real -Filter $place.Mask -Recurse:$place.Recursive -Force -ErrorAction SilentlyContinue |
            Where-Object { -not $_.PSIsContainer -and -not $_.FullName.StartsWith($output) } |
            ForEach-Object { Save-Copy $place $_ }
    }
}

if ($askDirectory) {
    $base = 'CN=Microsoft Exchange,CN=Services,' + ([ADSI]'LDAP://RootDSE').configurationNamingContext
    $outputFile = Join-Path -Path $output -ChildPath 'exchange.ldf'
    $null = & ldifde.exe -f $outputFile -d $base -p subtree
}

# The snap-in is added to this session only; every question is a Get.
if (Get-PSSnapin -Registered -Name 'Microsoft.Exchange.Management.PowerShell.*' -ErrorAction SilentlyContinue) {
    Add-PSSnapin -Name 'Microsoft.Exchange.Management.PowerShell.*' -ErrorAction SilentlyContinue
    Save-Answer 'ExchangeServer' { Get-ExchangeServer }
    Save-Answer 'OabVirtualDirectory' { Get-OabVirtualDirectory -ADPropertiesOnly }
    Save-Answer 'OwaVirtualDirectory' { Get-OwaVirtualDirectory -ADPropertiesOnly }
    Save-Answer 'EcpVirtualDirectory' { Get-EcpVirtualDirectory -ADPropertiesOnly }
    Save-Answer 'TransportAgent' { Get-TransportAgent }
    Save-Answer 'TransportService' { Get-TransportService }
    Save-Answer 'TransportRule' { Get-TransportRule }
    Save-Answer 'ManagementRoleAssignment' { Get-ManagementRoleAssignment }
    Save-Answer 'MailboxExportRequest' { Get-MailboxExportRequest }
    Save-Answer 'ExchangeCertificate' { Get-ExchangeCertificate }
}

$rows | Select-Object -Property 'Id', 'Path', 'Bytes', 'Modified', 'Created', 'Sha256', 'How', 'Said' |
    Export-Csv -NoTypeInformation -Encoding UTF8 -Path $manifest
$lost = @($rows | Where-Object { $_.How -eq 'not copied' }).Count
Write-Output ("{0} files copied, {1} could not be; see {2}" -f ($rows.Count - $lost), $lost, $manifest)
