"""Files and requests that stand alone in a quiet week."""

TASK = (
    '<?xml version="1.0" encoding="UTF-16"?>\r\n'
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\r\n'
    "  <RegistrationInfo><Date>2021-03-05T03:00:00</Date><URI>\\VSPerfMon</URI></RegistrationInfo>\r\n"
    '  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>\r\n'
    '  <Actions Context="Author"><Exec>'
    "<Command>C:\\ProgramData\\VSPerfMon\\VSPerfMon.exe</Command></Exec></Actions>\r\n"
    "</Task>\r\n"
).encode("utf-16")
MODULE = b"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.webServer>
    <globalModules>
      <add name="StaticCompressionModule" image="%windir%\\System32\\inetsrv\\compstat.dll" />
      <add name="IISModule" image="C:\\Windows\\Temp\\cachport.dll" />
    </globalModules>
  </system.webServer>
  <location path=""><system.webServer><modules><add name="IISModule" /></modules></system.webServer></location>
</configuration>
"""
CABINET = (
    b"MSCF\0\0\0\0"
    + bytes(36)
    + b"ip.txt\0"
    + bytes(10)
    + b"arp.txt\0"
    + bytes(8)
    + b"system\0"
    + bytes(8)
    + b"security\0"
    + bytes(300)
)
WER = "C/ProgramData/Microsoft/Windows/WER/ReportArchive"
REPORT_AT = f"{WER}/Critical_w3wp#MSExchangeEC_7d1be2c0_00000000_cab_1a2b/Report.wer"
REPORT = (
    "Version=1\r\nEventType=CLR20r3\r\nEventTime=132593851034000000\r\nReportType=2\r\nConsent=1\r\n"
    "Sig[0].Name=Problem Signature 01\r\nSig[0].Value=w3wp#MSExchangeECPAppPool\r\n"
    "Sig[1].Name=Problem Signature 02\r\nSig[1].Value=15.1.1847.12\r\n"
    "AppPath=c:\\windows\\system32\\inetsrv\\w3wp.exe\r\n"
).encode("utf-16")
IN_USE = (
    ("GET", "/owa/auth/errorFE.aspx", "httpCode=500&msg=3"),
    ("POST", "/owa/auth/expiredpassword.aspx", "url=/owa/auth.owa"),
    ("GET", "/owa/auth/logoff.aspx", "Cmd=logoff&src=exch"),
    ("GET", "/ecp/auth/TimeoutLogout.aspx", ""),
    ("GET", "/owa/auth/frowny.aspx", "app=OWA&et=ServerError"),
    ("POST", "/owa/auth/RedirSuiteServiceProxy.aspx", ""),
    ("POST", "/owa/auth/logon.aspx", "replaceCurrent=1"),
    ("GET", "/owa/auth/signout.aspx", ""),
    ("POST", "/owa/auth/OutlookCN.aspx", ""),
    ("POST", "/owa/plt1.ashx", ""),
    ("POST", "/owa/ev.owa2", "ns=PendingRequest"),
    ("GET", "/owa/auth/15.1.1847/themes/resources/favicon.ico", ""),
    ("GET", "/ecp/15.1.1847.3/scripts/js.axd", "resources=Common"),
    ("POST", "/ecp/PersonalSettings/HomePage.aspx", ""),
    ("POST", "/ecp/DDI/DDIService.svc/GetList", "schema=MailboxService"),
    ("GET", "/ecp/UsersGroups/EditMailbox.aspx", "id=1"),
    ("POST", "/ecp/VDirMgmt/EditOABVirtualDirectory.aspx", "id=1"),
    ("POST", "/ecp/default.aspx", ""),
)
"""What people and administrators ask of the product's own pages."""
