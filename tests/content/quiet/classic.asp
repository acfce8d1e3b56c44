<%@ Language="VBScript" %>
<% Response.Write "Hello, " & Server.HTMLEncode(Request.QueryString("name")) %>
